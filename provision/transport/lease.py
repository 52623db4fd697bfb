"""The lease of one host, held by a channel that stays open: its end, whatever brings it about, is the lease's end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection

import paramiko

from provision.core.errors import LeaseLost
from provision.core.lease import Answer, Claim, Holder, clock, read_answer
from provision.core.script import Script
from provision.payload.bundle import shell
from provision.transport.pipe import Pipe

#: Seconds between two signs of life. The host takes a controller that was silent for a minute for dead, once somebody
#: else wants the lease.
BEAT = 10.0

# For what is on its way after a sleep (seconds).
_MOMENT = 1.0

# Characters of what a host says of a lease; it says something once or twice.
_KEPT = 64 << 10

# How often what the hosts say is looked at (seconds).
_LOOK = 2.0

#: For all hosts to say that the leases have been given back (seconds).
_GIVING_BACK = 5.0

_LIBRARY = ("files/trust.sh", "files/rights.sh", "lease/library.sh")
_TAKE, _GUARD, _FENCE = "lease/take.sh", "lease/guard.sh", "lease/fence.sh"


class Lease:
    """`lost`: why this run may not write there any more; empty while it may."""

    def __init__(self, host: str, claim: Claim, answer: Answer, pipe: Pipe | None) -> None:
        self.host = host
        self.claim = claim
        self.answer = answer
        self.lost = ""
        self._pipe = pipe
        self._said = ""
        self._beaten = time.monotonic()
        self._looking = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether a channel of ours holds it now."""
        return self._pipe is not None and not self._pipe.channel.closed

    @property
    def broken(self) -> bool:
        """Whether the channel that held it has ended."""
        return self._pipe is not None and not self.lost and (self._pipe.over or self._pipe.channel.closed)

    @property
    def slept(self) -> bool:
        """Whether this machine, or process, seems to have stood still: what the hosts said meanwhile is on its way."""
        return time.monotonic() - self._beaten > 2 * BEAT

    def look(self, *, wait: bool = False) -> None:
        """Hears what the host has to say, `wait`: for a moment, and says from time to time that we are there. Never
        raises."""
        if self._pipe is None or self.lost:
            return
        with self._looking, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while any(said := self._pipe.read(_MOMENT if wait else 0)):
                self._said = (self._said + said[0].decode("utf-8", "replace"))[-_KEPT:]
            found = read_answer(self._said)
            if found is not None and found.state == "lost":
                self.take(found.holder)
            elif time.monotonic() - self._beaten >= BEAT and not self.broken:
                self._beaten = time.monotonic()
                self._pipe.send(b".\n", 1.0)

    def take(self, holder: Holder | None) -> None:
        """It is somebody else's now. `holder`: what is left of our note, or theirs."""
        if holder is not None and holder.taken_by:
            why = f": {holder.taken_why}" if holder.taken_why else ""
            self.lost = f"its lease was taken by {holder.taken_by} at {clock(time.time())}{why}"
        elif holder is not None and (holder.pid, holder.who) == (self.claim.pid, self.claim.who):
            self.lost = "its lease was lost: what held it on the host was ended"  # the note is ours
        elif holder is not None:
            self.lost = f"its lease was lost, and since then {holder.sentence()}"
        else:
            self.lost = "its lease was lost: another run has been at work there since, or the host was restarted"

    def error(self) -> LeaseLost:
        return LeaseLost(self.host, f"{self.lost}; this run does nothing more there", hint="provision check")

    @property
    def named(self) -> tuple[str, str]:
        """The lease, and its folder on the host."""
        return self.claim.lease, self.answer.place

    def fence(self) -> Script:
        """What stands in front of a batch that writes."""
        lease, place = self.named
        return Script(shell(*_LIBRARY, _GUARD, _FENCE), {"lease": lease, "place": place})

    def heard(self, said: str) -> None:
        """`said`: by a host that refused to write."""
        found = read_answer(said)
        if found is not None and found.state == "lost" and not self.lost:
            self.take(found.holder)

    def give_back(self) -> None:
        """Begins to; `gone` waits for it."""
        if self._pipe is not None:
            with self._looking, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._pipe.send(b"q\n", 1.0)

    def gone(self, end: float) -> None:
        """`end`: until when this is waited for (monotonic seconds)."""
        if self._pipe is None:
            return
        with self._looking, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while not self._pipe.over and not self._pipe.channel.exit_status_ready() and time.monotonic() < end:
                self._pipe.read(0.1)
        self._pipe.channel.close()


class Leases(dict[str, Lease]):
    """Those of a run, by host. While there are any, each host is told from time to time that we are there."""

    def __init__(self) -> None:
        super().__init__()
        self._over = threading.Event()
        self._starting = threading.Lock()
        self._keeper: threading.Thread | None = None

    def __setitem__(self, host: str, lease: Lease) -> None:
        super().__setitem__(host, lease)
        with self._starting:
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._keeper.start()

    def give_back(self, hosts: Collection[str] | None = None) -> None:
        """Those of `hosts`, or all; returns when the hosts have confirmed it, or have not for a while."""
        returned = [self.pop(host) for host in list(self) if hosts is None or host in hosts]
        for lease in returned:
            lease.give_back()
        end = time.monotonic() + _GIVING_BACK
        for lease in returned:
            lease.gone(end)

    def close(self) -> None:
        self._over.set()
        self.give_back()

    def _keep(self) -> None:
        while not self._over.wait(_LOOK):
            for lease in list(self.values()):
                lease.look()


def holder() -> bytes:
    """What a host is sent before the lines of a claim."""
    return shell(*_LIBRARY, _TAKE, "lease/hold.sh").encode()


def looking() -> Script:
    """Who has the lease of a host, if anybody has: nothing is written."""
    return Script(shell(*_LIBRARY, "lease/look.sh"), optional=True, whole=True)


def unlocking(by: str, reason: str) -> Script:
    """Takes the lease from whoever has it, and ends what that run has going on there."""
    program = shell(*_LIBRARY, "lease/unlock.sh")
    values = {"by": by, "reason": reason}
    told = "".join(f"{name}=${{unlock_{name}}}\n" for name in values)
    return Script(
        f'export unlock_by unlock_reason\n{told}eval "$program"',
        {"program": f"{told}{program}", **{f"unlock_{name}": value for name, value in values.items()}},
    )
