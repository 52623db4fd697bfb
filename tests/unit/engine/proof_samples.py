"""A proof that asks nobody and finds nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from provision.core.errors import HostError
from provision.core.proof import Proof, Shown
from provision.core.script import Fragment, Script


@dataclass(frozen=True)
class Shows(Proof):
    name: str  # type: ignore[misc]

    @property
    def label(self) -> str:
        return self.name

    def scripts(self) -> Mapping[str, Script]:
        return {}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        return Shown()
