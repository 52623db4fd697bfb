"""What `plan`, `up`, `check` and `down` return: the run's outcome as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from provision.errors import ProvisionError
from provision.planning import Mode, Plan


@dataclass(frozen=True)
class HostReport:
    """`status` as in events.HostDone. `changes`: labels of what was changed, or would be."""

    name: str
    status: str
    changes: tuple[str, ...]
    errors: tuple[ProvisionError, ...]
    seconds: float
    connections: int = 0
    commands: int = 0


@dataclass(frozen=True)
class Report:
    """`exit_code`: 0 done or in sync · 1 failed · 3 drift (check) · 4 a host unreachable."""

    command: str
    mode: Mode
    plan: Plan | None
    hosts: tuple[HostReport, ...]
    errors: tuple[ProvisionError, ...] = ()
    outcome: tuple[str, ...] = ()
    seconds: float = 0.0
    log: str = ""
    exit_code: int = field(default=0)

    @property
    def ok(self) -> bool:
        return self.exit_code == 0
