"""What `plan`, `up`, `check` and `down` return: the run's outcome as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from provision.core.errors import ProvisionError
from provision.core.exits import ANSWERED, Exit
from provision.core.finding import Finding, Known
from provision.core.plan import Mode, Plan
from provision.core.sizing import Sizing
from provision.core.timing import Phase, Timings
from provision.core.values import dataclass


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


#: What a change is called that makes all facts of an area unreadable: one line, not one for each.
WHOLE_AREA = "all that was known"


@dataclass(frozen=True)
class Changed:
    """A lasting fact of a host that is another one than in the snapshot; empty where there was, or is, none."""

    host: str
    area: str
    fact: str
    before: str
    after: str


@dataclass(frozen=True)
class Since:
    """`taken`: when the snapshot was, in seconds since the epoch. `source`: the file it is from. `compared`: the hosts
    that are in it, and were looked at now; `missed`: those of the run that are not, or were not."""

    taken: float
    source: str
    changes: tuple[Changed, ...]
    compared: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """`exit_code`: one of core.exits.Exit, or a signal's.

    `findings`: the worst first. `known`: host → what was read there.
    `since`: what has changed since a snapshot, if one was asked for. `remarks`: of a check, what is no finding.
    `left_out`: hosts of the inventory that the run was not about: of them it says nothing.
    """

    command: str
    mode: Mode
    plan: Plan | None
    hosts: tuple[HostReport, ...]
    errors: tuple[ProvisionError, ...] = ()
    findings: tuple[Finding, ...] = ()
    known: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)
    since: Since | None = None
    outcome: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    sizing: Sizing | None = None
    phases: tuple[Phase, ...] = ()
    #: The same host by host, and what determined the end.
    timings: Timings = field(default_factory=Timings)
    #: Seconds for which a model that served did not answer; None where that was not so.
    downtime: float | None = None
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    log: str = ""
    exit_code: int = Exit.DONE

    @property
    def ok(self) -> bool:
        return self.exit_code == Exit.DONE

    def with_errors(self, *errors: ProvisionError) -> Report:
        """And of what went wrong after it. The exit code is the first one's, unless the run itself has a worse one."""
        code = errors[0].exit_code if errors and self.exit_code in ANSWERED else self.exit_code
        return replace(self, errors=(*self.errors, *errors), exit_code=code)
