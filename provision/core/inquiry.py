"""What all hosts are asked when a change has failed: its cause may lie on another one. Pure data, no I/O, as a proof;
it changes nothing on any host.

A playbook mentions it, with the steps that it is for (`Playbook.inquire`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from provision.core.errors import HostError
from provision.core.script import Fragment, Script
from provision.core.values import dataclass


@dataclass(frozen=True)
class Explanation:
    """What takes the place of what the failure said of itself."""

    message: str
    evidence: tuple[str, ...] = ()
    hint: str = ""


class Inquiry(ABC):
    """Subclasses are frozen dataclasses."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What progress calls it."""

    @abstractmethod
    def scripts(self) -> Mapping[str, Script]:
        """Host → what it is asked. Each has a short timeout of its own: somebody waits to hear what went wrong."""

    @abstractmethod
    def read(self, failed: Mapping[str, HostError], answers: Mapping[str, Fragment]) -> Mapping[str, Explanation]:
        """`failed`: step → what it failed with; `answers`: what each host said that could be asked. The steps that it
        says nothing about keep what they have."""
