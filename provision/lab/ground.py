"""What kind of hosts this machine carries, and what is said where they cannot have what is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass

from provision.core.errors import UsageError
from provision.lab.state import Mode


@dataclass(frozen=True)
class Ground:
    """What kind of hosts this machine carries. `missing`: why root gets hosts on loopback addresses all the same."""

    mode: Mode
    missing: str = ""

    @property
    def note(self) -> str:
        return f"{self.missing}: taking hosts on loopback addresses instead" if self.missing else ""

    def refusal(self, what: str, without: str) -> UsageError:
        """Of what hosts on loopback addresses cannot have. `without`: what to leave out, as a person would."""
        why = f"{what} hosts of namespaces"
        if self.missing:
            return UsageError(f"{why}: {self.missing}", hint=without)
        if os.geteuid() == 0:
            return UsageError(f"{why}, and --rootless asks for others", hint="leave out --rootless")
        return UsageError(f"{why}, and those need root", hint=f"{without}, or run it as root")


NAMESPACES = Ground("namespaces")
