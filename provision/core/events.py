"""What happens during a run, as frozen values on one queue.

The live view, the plain log, JSON lines, the log file and the final report are folds over these; nothing
else tells the outside world what a run does. `seconds` are durations, measured by the runner.
"""

from __future__ import annotations

from collections.abc import Callable

from provision.core.errors import HostError
from provision.core.plan import Change, Plan
from provision.core.script import KEPT, NOTE, PROGRESS
from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """`host` is empty for what concerns the run as a whole."""

    host: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    command: str
    cluster: str
    hosts: tuple[str, ...]
    log: str = ""


@dataclass(frozen=True, slots=True)
class Connected(Event):
    seconds: float


@dataclass(frozen=True, slots=True)
class Doing(Event):
    """The host is now busy with `what` ("reading facts", "environment 3f9c…", "the model server"); empty: with nothing,
    while it waits for others. `passing`: for a moment only, not worth a line that stays."""

    what: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far the present step is: free text, such as `412/945 MB`, or `waiting for gpu-03 (0 of 8 GPUs)`."""

    text: str


@dataclass(frozen=True, slots=True)
class Output(Event):
    """One line that a remote fix printed (shown with -v, always in the log file)."""

    line: str
    stream: str = "stdout"


@dataclass(frozen=True, slots=True)
class Planned(Event):
    plan: Plan


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """A change was made and verified."""

    step: str
    label: str
    action: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepSkipped(Event):
    """A change was not tried, since something it needs failed first; or what it was to remove stays."""

    step: str
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """`kind` is the error's class name; the rest as in ProvisionError."""

    kind: str
    message: str
    evidence: tuple[str, ...] = ()
    hint: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Note(Event):
    """Something worth a line that is neither progress nor failure."""

    text: str


@dataclass(frozen=True, slots=True)
class HostDone(Event):
    """`status`: ok · changed · drift · failed · skipped · unreachable · blocked."""

    status: str
    changes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunDone(Event):
    exit_code: int
    seconds: float


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener of those who only want the report."""


def heard(host: str, stream: str, line: str, emit: Listener) -> None:
    """One line of what a script prints; an empty progress only says that it has begun."""
    if line.startswith(PROGRESS):
        text = line[len(PROGRESS) :].strip()
        if text:
            emit(Progress(host, text))
    elif line.startswith(NOTE):
        emit(Note(host, line[len(NOTE) :].strip()))
    elif not line.startswith(KEPT):  # which is told once the step is over
        emit(Output(host, line, stream))


def skipped(change: Change, why: str) -> StepSkipped:
    step = change.step
    return StepSkipped(step.host, step.key, step.resource.label, why)


def failed(error: HostError, step: str = "") -> Failed:
    """`step`: the key of the step that it happened to."""
    return Failed(error.host, type(error).__name__, error.message, error.evidence, error.hint, step)
