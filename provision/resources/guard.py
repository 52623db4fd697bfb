"""The API key in front of all that a model server answers: the module that vLLM imports, and what it is told.

The module lies beside the service's folder, never in it: with sudo it is root's, so that the service cannot replace
what decides who is let in. It is no part of the environment, whose files are those that the lock names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from provision.core.script import Script, Value
from provision.core.secret import Secret
from provision.inventory.flags import given
from provision.inventory.models import Serve
from provision.payload.bundle import module, shell

#: vLLM's flag, and what stands behind it: the class of the module.
MIDDLEWARE = "middleware"
CLASS = "provision_guard.Guard"

_OPEN, _PREFLIGHT, _PATH = "PROVISION_GUARD_OPEN", "PROVISION_GUARD_PREFLIGHT", "PYTHONPATH"


@dataclass(frozen=True)
class Guarded:
    """`folder`: where the module lies. `on`: whether there is a key to ask for, and it is to be asked for."""

    #: What it has in the server's environment, and no rank needs.
    VARIABLES: ClassVar[tuple[str, ...]] = (_PATH, _OPEN, _PREFLIGHT)

    folder: str
    serve: Serve
    on: bool

    def flags(self, flags: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The class comes last: vLLM puts each one around those before it, and this one must be asked first."""
        if not self.on:
            return dict(flags)
        others = {name: values for name, values in flags.items() if name != MIDDLEWARE}
        return {**others, MIDDLEWARE: (*flags.get(MIDDLEWARE, ()), CLASS)}

    def environment(self, found: Mapping[str, str | Secret]) -> dict[str, str | Secret]:
        """What nobody may set otherwise; a search path of the inventory's comes after ours."""
        if not self.on:
            return dict(found)
        path = found.get(_PATH)
        # Browsers of other origins are let in where vLLM is told of some.
        origins = any(given(self.serve.args, "allowed-origins"))
        return {
            **found,
            _PATH: f"{self.folder}:{path}" if isinstance(path, str) and path else self.folder,
            _OPEN: " ".join(sorted(self.serve.without_key)),
            _PREFLIGHT: "yes" if origins else "",
        }

    def aspects(self) -> dict[str, str]:
        """The code that runs is that of the last start."""
        return {"guard": hashlib.sha256(module("guard").encode()).hexdigest()[:12]} if self.on else {}

    def around(self, fix: Script, *, there: bool) -> Script:
        """`fix`, with the module put there before it, or taken away after it."""
        text = module("guard") if self.on and there else ""
        variables: dict[str, Value] = {**fix.vars, "guard": self.folder, "guard_text": text}
        body = f"{shell('service/library.sh', 'vllm/guard.sh')}\n{fix.body}"
        return Script(body, variables, timeout=fix.timeout, uploads=fix.uploads)
