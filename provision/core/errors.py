"""Everything that can go wrong, each with a cause a person can act on.

ProvisionError                 what happened; `hint` says what to type next; `exit_code` for scripts
├── UsageError            (2)  the command line asks for something that cannot be
├── InventoryError        (2)  one or more `Problem`s in an inventory, each with file:line:column
├── PlaybookError         (2)  a playbook file that does not load, or declares something impossible
├── SnapshotError         (2)  a snapshot that is not there, is none, or cannot be written
├── LockError             (1)  the environment could not be locked, or its wheels not fetched
├── NoHome                (1)  a file belongs below a home folder, and there is none
├── Busy                  (5)  another run is at work on the same
├── Declined              (6)  somebody was asked, and said no
├── PlanChanged           (3)  what a plan was made from is no longer so
├── Cancelled             (1)  Ctrl-C, or a caller's cancel
└── HostError             (1)  has `host`
    ├── Unreachable       (4)  no session could be opened
    │   ├── NameNotFound       the host name resolves nowhere
    │   ├── PortClosed         nothing listens there
    │   ├── ConnectTimeout     no answer in time
    │   ├── AuthFailed         the host refused user and key
    │   ├── HostKeyUnknown     not in known_hosts and not pinned
    │   └── HostKeyChanged     differs from the one recorded
    ├── SudoRefused       (1)  sudo wants a password that we do not have, or refuses it
    ├── ScriptFailed      (1)  a remote fragment ended non-zero; `evidence` holds its last lines
    ├── ScriptTimeout     (1)  a remote fragment outlived its deadline, and was killed
    ├── ConnectionLost    (1)  the session broke in the middle
    ├── BadOutput         (1)  a probe printed something that cannot be read
    ├── NotConverged      (1)  a fix ran, and the host still differs
    ├── LeaseLost         (1)  another run has the host now: the lease was taken, or its connection broke
    ├── HostBusy          (5)  another run is at work there, and the host is left to it
    └── Blocked           (1)  a proof found what must not be, before anything stands on it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provision.core.exits import Exit
from provision.core.urls import masked
from provision.core.values import dataclass


class ProvisionError(Exception):
    """What happened, in the user's words; `evidence` is shown indented; `hint` can be typed. In all three the
    passwords of URLs are masked."""

    exit_code: ClassVar[Exit] = Exit.FAILED

    def __init__(self, message: str, *, evidence: Sequence[str] = (), hint: str = "") -> None:
        self.message = masked(message)
        self.evidence = tuple(masked(line) for line in evidence)
        self.hint = masked(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Python's own way calls the class with `args` alone: errors would not survive a copy, or another process."""
        return _remade, (type(self), self.args, self.__dict__)


def _remade(kind: type[ProvisionError], args: tuple[object, ...], state: dict[str, object]) -> ProvisionError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(ProvisionError):
    exit_code = Exit.USAGE


class SnapshotError(ProvisionError):
    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: `line` and `column` count from 1, 0 where the file has no position."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", masked(self.message))
        object.__setattr__(self, "hint", masked(self.hint))

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.where}: {self.path}: {self.message}" if self.path else f"{self.where}: {self.message}"


class InventoryError(ProvisionError):
    """All problems of an inventory at once, so that a person can fix a file in one go."""

    exit_code = Exit.USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)


class PlaybookError(ProvisionError):
    exit_code = Exit.USAGE


class LockError(ProvisionError):
    pass


class NoHome(ProvisionError):
    pass


class Busy(ProvisionError):
    """`hosts`: those that the other run has, none where it is about something else."""

    exit_code = Exit.BUSY

    def __init__(
        self, message: str, *, evidence: Sequence[str] = (), hint: str = "", hosts: Sequence[str] = ()
    ) -> None:
        super().__init__(message, evidence=evidence, hint=hint)
        self.hosts = tuple(hosts)


class Declined(ProvisionError):
    exit_code = Exit.DECLINED


class PlanChanged(ProvisionError):
    exit_code = Exit.NO


class Cancelled(ProvisionError):
    pass


class HostError(ProvisionError):
    """Something is wrong on, or on the way to, one host. `host` is empty where it concerns several."""

    def __init__(self, host: str, message: str, *, evidence: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, evidence=evidence, hint=hint)
        self.host = host

    def __str__(self) -> str:
        return f"{self.host}: {self.message}" if self.host else self.message


class Unreachable(HostError):
    """`address`: what was connected to, where that is known: two hosts may differ in nothing else."""

    exit_code = Exit.UNREACHABLE
    address: str = ""


class NameNotFound(Unreachable):
    pass


class PortClosed(Unreachable):
    pass


class ConnectTimeout(Unreachable):
    pass


class AuthFailed(Unreachable):
    pass


class HostKeyUnknown(Unreachable):
    pass


class HostKeyChanged(Unreachable):
    pass


class SudoRefused(HostError):
    pass


class ScriptFailed(HostError):
    pass


class ScriptTimeout(HostError):
    """`index`: which script of the batch it was, from 0."""

    index: int | None = None


class ConnectionLost(HostError):
    """`index`: the script of the batch that was running, from 0; None if none was."""

    index: int | None = None


class BadOutput(HostError):
    pass


class NotConverged(HostError):
    pass


class LeaseLost(HostError):
    pass


class HostBusy(HostError):
    exit_code = Exit.BUSY


class Blocked(HostError):
    pass
