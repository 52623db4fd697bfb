"""What starts a service again by itself, where its runtime does that (runtime.py): what its unit runs before and after
each start, and how a state says whether the unit is as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from provision.core.finding import Finding, Severity
from provision.core.resource import State
from provision.core.script import Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.runtime import RUNTIME_FILES, STAYING

#: Whose a unit file is, and what one that stays is made of. Part of the library of services.
UNIT_FILES = ("service/unit_file.sh", "service/unit_kept.sh", *RUNTIME_FILES)

#: The aspect of a state: whether the service would come back.
STAYS_UP = "stays up"

#: A file in the place of its unit that is somebody else's.
FOREIGN = "foreign"

#: How often it has been started by itself, while it does not do its work yet.
AGAIN = "again"

#: What of it is repaired while the service goes on.
REPAIRED = frozenset({
    "no: its unit is missing",
    "no: its unit is masked",
    "no: its unit is not enabled",
})  # fmt: skip


def _nothing() -> Script:
    return Script(":")


@dataclass(frozen=True)
class Unit:
    """What is particular about the unit of a service that stays up. `before`: waits for what it needs when it starts by
    itself; `watch`: runs beside it, and may `begin_anew`; `lines`: more of its [Unit] section. A variable of `watch`
    that `ready` has, too, has the same value there."""

    before: Script = field(default_factory=_nothing)
    watch: Script = field(default_factory=_nothing)
    lines: tuple[str, ...] = ()

    def variables(self, library: tuple[str, ...], base: Mapping[str, Value], ready: Script) -> dict[str, Value]:
        """What service/start.sh is told. `library`: of the files that are run before and after each start; `base`: the
        variables of the service; `ready`: ends well once the service does its work."""
        common = shell(*library)
        before = f"{common}\nwait_for_others() {{\n{self.before.body}\n}}\n{shell('service/before.sh')}"
        functions = f"wait_until_ready() {{\n{ready.body}\n}}\nwatch() {{\n{self.watch.body}\n}}"
        after = f"{common}\n{functions}\n{shell('service/after.sh')}"
        found: dict[str, Value] = {"unit_lines": "\n".join(self.lines), "before": before, "after": after}
        for name, variables in (("before", self.before.vars), ("after", {**ready.vars, **self.watch.vars})):
            own = {f"{name}_{key}": value for key, value in variables.items()}
            found |= {**own, f"{name}_names": " ".join((*base, *own))}
        return found


def staying(runtime: str) -> dict[str, str]:
    """What is wanted of a service that this runtime carries."""
    return {STAYS_UP: "yes"} if runtime in STAYING else {}


def repairable(have: State) -> bool:
    """Whether what keeps it from coming back is repaired without a restart."""
    return have is not None and have.get(STAYS_UP) in REPAIRED


def foreign(label: str, have: State) -> tuple[Finding, ...]:
    """What blocks: a file that is not ours to overwrite."""
    path = (have or {}).get(FOREIGN, "")
    if not path:
        return ()
    return (
        Finding(
            "",
            "services",
            label,
            Severity.BLOCKS,
            said=f"`{path}` is not provision's: it does not say so",
            why="the unit of the service would take its place",
            hint=f"look at it: `systemctl cat {path.rsplit('/', 1)[-1]}`; then move it away, or rename the cluster",
        ),
    )


def only_foreign(have: State) -> bool:
    return have is not None and set(have) == {FOREIGN}
