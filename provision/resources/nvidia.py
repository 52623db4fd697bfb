"""The GPUs and their driver, held against what the inventory expects.

Never fixed from here: a driver wants a person and often a reboot, so a mismatch blocks `up` before any host
is changed. What nvidia-smi said is read with the facts of the same run, and not asked a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from provision.facts import Facts
from provision.inventory.models import Expect
from provision.resource import Difference, Resource, State
from provision.script import Fragment, Script

UPDATE = "update the driver on {host}, reboot it, then run `provision check`"
COUNT = "run `nvidia-smi -L` and `dmesg | grep -i xid` on {host}: a GPU has fallen off the bus, or is hidden"


@dataclass(frozen=True)
class Nvidia(Resource):
    """`expect` of the inventory against `facts` of the host. Aspects that are not expected are not judged,
    except that a host with GPUs expected must have an nvidia-smi that works."""

    fixable: ClassVar[bool] = False
    removable: ClassVar[bool | str] = False

    host: str
    expect: Expect
    facts: Facts

    @property
    def id(self) -> str:
        return "nvidia"

    @property
    def label(self) -> str:
        return "NVIDIA driver and GPUs"

    def want(self) -> State:
        wanted = {}
        if self.expect.driver:
            wanted["driver"] = self.expect.driver
        if self.expect.gpus is not None:
            wanted["gpus"] = str(self.expect.gpus)
        if self.expect.gpu:
            wanted["gpu"] = self.expect.gpu
        return wanted

    def probe(self) -> Script:
        return Script(":")

    def read(self, fragment: Fragment) -> State:
        state = {"gpus": str(len(self.facts.gpus))}
        if self.facts.driver:
            state["driver"] = self.facts.driver
        if self.facts.gpus:
            state["gpu"] = ", ".join(dict.fromkeys(g.name for g in self.facts.gpus))
        if self.facts.gpu_error:
            state["error"] = self.facts.gpu_error
        return state

    def fix(self, have: State, want: State) -> Script:
        raise AssertionError("never fixed: a mismatch blocks the plan")

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        have, want = have or {}, want or {}
        error = have.get("error")
        if error and want and want.get("gpus") != "0":
            return (Difference("nvidia-smi", "an answer", error, UPDATE.format(host=self.host)),)
        found = []
        for aspect, expected in want.items():
            seen = have.get(aspect)
            if not _fits(aspect, expected, seen, self.facts):
                hint = UPDATE if aspect == "driver" else COUNT if aspect == "gpus" else ""
                found.append(Difference(aspect, expected, seen, hint.format(host=self.host)))
        return tuple(found)


def _fits(aspect: str, expected: str, seen: str | None, facts: Facts) -> bool:
    if seen is None:
        return False
    if aspect == "driver":
        return driver_fits(seen, expected)
    if aspect == "gpu":
        return all(expected.lower() in g.name.lower() for g in facts.gpus)
    return seen == expected


def driver_fits(driver: str, wanted: str) -> bool:
    """Whether `driver`, such as `590.48.01`, lies in the range `wanted`, such as `>=580,<600`. A bare number is a
    branch: `580` is every 580.x. An unreadable version fits nothing."""
    try:
        version = Version(driver)
        if wanted.strip()[:1].isdigit():
            return driver == wanted or driver.startswith(f"{wanted.strip()}.")
        return version in SpecifierSet(wanted)
    except (InvalidVersion, InvalidSpecifier):
        return False
