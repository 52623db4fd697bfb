"""A module of ours that a service imports: a file beside the service's folder, never in it, nor in the environment.

With sudo it is root's, so that the service cannot change what it is made of. In the environment is what the lock names,
and nothing else.
"""

from __future__ import annotations

import hashlib

from provision.core.script import Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import module, shell


@dataclass(frozen=True)
class ModuleFile:
    """`source`: one of provision.payload.bundle.FILES. `folder`: holds it alone, as `name`. `on`: whether it is there
    while the service is."""

    source: str
    folder: str
    name: str
    on: bool

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(module(self.source).encode()).hexdigest()[:12]

    def around(self, fix: Script, *, there: bool) -> Script:
        """`fix` of the service, before which the module is put there, or taken away."""
        variables: dict[str, Value] = {
            **fix.vars,
            "module_folder": self.folder,
            "module_name": self.name,
            "module_text": module(self.source) if self.on and there else "",
        }
        body = f"{shell('service/library.sh', 'module.sh')}\n{fix.body}"
        return Script(body, variables, timeout=fix.timeout, uploads=fix.uploads)
