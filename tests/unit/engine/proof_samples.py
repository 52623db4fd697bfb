"""Proofs that ask nobody, or ask and read what a test says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True)
class Asks(Proof):
    """Gone through while folders are made. Each of `hosts` is asked; what came of it is what `reads` returns."""

    name: ClassVar[str] = "asks"
    label: ClassVar[str] = "proof"  # type: ignore[misc]
    beside_folders: ClassVar[bool] = True

    hosts: tuple[str, ...]
    reads: Callable[[], Shown]

    def scripts(self) -> Mapping[str, Script]:
        return dict.fromkeys(self.hosts, Script("prove"))

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        return self.reads()
