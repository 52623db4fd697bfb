"""The API key in front of all that a model server answers: the module that vLLM imports, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.flags import given
from provision.inventory.models import Serve
from provision.resources.module import ModuleFile

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

    @property
    def module(self) -> ModuleFile:
        return ModuleFile("guard", self.folder, f"{CLASS.partition('.')[0]}.py", self.on)

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
        return {"guard": self.module.digest} if self.on else {}
