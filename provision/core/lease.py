"""The lease of a host: which run may write there, and what is known of who has it. Values and words alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import field

from provision.core.values import dataclass
from provision.core.visible import visible
from provision.core.wording import span

#: What a host says of its lease. `held`, `resumed`: this run has it, newly or again; `shared`: by another of its hosts;
#: `busy`: another run has it; `lost`: it was this run's; `unlocked`: nothing can be locked there; `taken`, `stuck`: by
#: `unlock`; `foreign`: held with rights that this account has not; `free`.
STATES = ("held", "resumed", "shared", "busy", "lost", "unlocked", "taken", "stuck", "foreign", "free")

#: The states in which this run may write.
OURS = ("held", "resumed", "shared")

_LONGEST = 300
_DAY = 86_400


@dataclass(frozen=True)
class Claim:
    """Who wants a lease. `lease`: what tells this run from all others; `who`: user@controller; `address`: of the
    controller, where a host does not see it itself."""

    command: str
    cluster: str
    inventory: str
    who: str
    pid: int
    lease: str = field(default_factory=lambda: secrets.token_hex(16))

    def lines(self, *, nonce: str, size: int, wait: bool, mine: str, address: str) -> str:
        """As payload/lease/hold.sh reads them."""
        values: Mapping[str, object] = {
            **{"nonce": nonce, "size": size, "wait": "yes" if wait else "", "lease": self.lease, "mine": mine},
            **{"who": self.who, "from": address, "pid": self.pid, "command": self.command},
            **{"cluster": self.cluster, "inventory": self.inventory},
        }
        return "".join(f"{name}={_one_line(str(value))}\n" for name, value in values.items()) + "go\n"


@dataclass(frozen=True)
class Holder:
    """Who has a lease, or had it, as its note says. `since`: seconds since the epoch, by the clock of whoever reads it.
    `silent`: for how many seconds its controller had not been heard of. `taken_by`, `taken_why`: who took it from them;
    `ended`: whether the connection broke, or the controller was killed."""

    command: str
    who: str
    address: str = ""
    pid: int = 0
    cluster: str = ""
    inventory: str = ""
    since: float = 0.0
    silent: float = 0.0
    taken_by: str = ""
    taken_why: str = ""
    ended: bool = False

    @property
    def run(self) -> str:
        """``an `up` from laptop, pid 123``"""
        article = "an" if self.command[:1] in "aeiou" else "a"
        _, _, machine = self.who.rpartition("@")
        return f"{article} `{self.command or 'command'}` from {machine or self.address or 'somewhere'}, pid {self.pid}"

    @property
    def details(self) -> str:
        """`ann, 10.0.0.9, cluster rack`: what tells one laptop from another."""
        user, sign, _ = self.who.rpartition("@")
        parts = [user if sign else "", self.address, f"cluster {self.cluster}" if self.cluster else ""]
        return ", ".join(part for part in parts if part)

    def sentence(self, now: float | None = None) -> str:
        """``an `up` from laptop, pid 123, since 13:02 is under way (ann, 10.0.0.9, cluster rack)``"""
        details = f" ({self.details})" if self.details else ""
        return f"{self.run}, since {clock(self.since, now)} is under way{details}"

    @property
    def since_when(self) -> str:
        """``an `up` from laptop, pid 123, under way since 13:02 (ann, 10.0.0.9, cluster rack)``"""
        details = f" ({self.details})" if self.details else ""
        return f"{self.run}, under way since {clock(self.since)}{details}"

    @property
    def how_it_ended(self) -> str:
        """Of one that is dead."""
        if self.taken_by:
            return f"was unlocked by {self.taken_by}" + (f" ({self.taken_why})" if self.taken_why else "")
        return "broke off: its connection, or its controller" if self.ended else "was killed"


@dataclass(frozen=True)
class Answer:
    """What a host says. `holder`: who has the lease, or of one that was taken over, who had it. `key`: the same for all
    that mean this lease, by which leases are taken in one order. `process`: of the host that holds it for us."""

    state: str
    holder: Holder | None = None
    why: str = ""
    place: str = ""
    key: str = ""
    process: str = ""

    @property
    def ours(self) -> bool:
        return self.state in OURS


def read_answers(text: str, now: float | None = None) -> list[Answer]:
    """All that a host said, in order; what is no answer is left out. `now`: seconds since the epoch."""
    blocks: list[dict[str, str]] = []
    for line in text.splitlines():
        name, sign, value = line.partition("=")
        if name == "state" and sign:
            blocks.append({"state": value})
        elif sign and blocks:
            blocks[-1][name] = _shown(value)
    at = time.time() if now is None else now
    return [_answer(block, at) for block in blocks if block["state"] in STATES]


def read_answer(text: str, now: float | None = None) -> Answer | None:
    """The last that a host said, None if that is none."""
    return next(iter(reversed(read_answers(text, now))), None)


def clock(at: float, now: float | None = None) -> str:
    """`13:02`, with the day where it was not within the last hours: by the clock and time zone of here."""
    now = time.time() if now is None else now
    short = 0 <= now - at < _DAY / 2
    return time.strftime("%H:%M" if short else "%Y-%m-%d %H:%M", time.localtime(at))


def several(holders: Mapping[str, Holder | None], now: float | None = None) -> list[str]:
    """A line for each run that has a lease: on which hosts, and who."""
    by_run: dict[str, list[str]] = {}
    for host, holder in holders.items():
        said = holder.sentence(now) if holder else "another run is just beginning, or ending"
        by_run.setdefault(said, []).append(host)
    return [f"{', '.join(hosts)}: {said}" for said, hosts in by_run.items()]


def waited(seconds: float) -> str:
    return f"for {span(seconds)}"


def in_order(keys: Mapping[str, str]) -> Sequence[str]:
    """Hosts in the order in which every run takes their leases, whatever its inventory calls them."""
    return sorted(keys, key=lambda host: (keys[host], host))


def _answer(block: Mapping[str, str], at: float) -> Answer:
    said = {name[len("note.") :]: value for name, value in block.items() if name.startswith("note.")}
    holder = None
    if said.get("who") or said.get("command"):
        holder = Holder(
            command=said.get("command", ""),
            who=said.get("who", ""),
            address=said.get("from", ""),
            pid=int(_number(said.get("pid"))),
            cluster=said.get("cluster", ""),
            inventory=said.get("inventory", ""),
            # By how long ago it was, so that no difference between two clocks counts.
            since=at - max(0.0, _number(block.get("now")) - _number(said.get("up"))),
            silent=_number(block.get("silent")),
            taken_by=said.get("taken_by", ""),
            taken_why=said.get("taken_why", ""),
            ended="ended" in said,
        )
    return Answer(
        block["state"],
        holder,
        block.get("why", ""),
        block.get("place", ""),
        block.get("key", ""),
        block.get("holder", ""),
    )


def _number(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0.0


def _one_line(text: str) -> str:
    return visible(text)[:_LONGEST]


def _shown(text: str) -> str:
    """A note is a file that its owner can write anything into."""
    return visible(text)[:_LONGEST]
