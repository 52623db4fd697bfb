"""What was found on a host, and what it means: the one shape of everything that `check` reports. Pure data.

Plans make findings of their changes, checks make them of the facts, and so do a person's own tests. Views need nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum

from provision.core.values import dataclass

#: What can be asked for with `check --only`, in the order in which it is shown.
AREAS = (
    "drivers", "gpus", "compatibility", "packages", "services", "network", "storage", "system", "files", "tests",
)  # fmt: skip

#: What a blocker is called that only says that its host failed, as the host's error says already, with the reason.
HELD_UP = "held up"

#: What findings are called, with a host after it, about what a run could not do because that host was left out.
LIMIT = "--limit"

#: What a finding is called about files that a `down` does not touch, on a host where others could have changed them.
UNTOUCHED = "files"

#: What a finding is called about a lock that is to be made, or made anew.
LOCK = "lock"


class Severity(Enum):
    """`blocks`: `up` refuses to start. `drift`: differs from the desired state, exit code 3. `warning`: works, but
    worse or not for long. `note`: worth knowing."""

    BLOCKS = "blocks"
    DRIFT = "drift"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)

    @property
    def counts(self) -> bool:
        """Whether it makes the exit code 3."""
        return self in (Severity.BLOCKS, Severity.DRIFT)


class Against(Enum):
    """What a fact was compared with: the inventory (with its lock), the other hosts, what can work at all, what is
    sound."""

    INVENTORY = "inventory"
    PEERS = "peers"
    POSSIBLE = "possible"
    SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Finding:
    """A deviation: one fact of one host. `host` is empty for what concerns the whole cluster.

    `area` is one of AREAS; `fact` names a column of the table of hosts and facts ("driver", "torch", "MTU").
    `expected` and `found` are as short as a cell; `why` says why it matters, `hint` what to do, `evidence` what shows
    it. `said`: the whole sentence, where expected and found do not make one.

    `id`: the name by which an inventory can accept it (provision/checks/ids.py lists them); empty for what can only be
    fixed. `accepted`: the reason that the inventory gives; empty while it is not accepted.
    """

    host: str
    area: str
    fact: str
    severity: Severity
    found: str = ""
    expected: str = ""
    against: Against = Against.INVENTORY
    why: str = ""
    hint: str = ""
    evidence: tuple[str, ...] = ()
    said: str = ""
    id: str = ""
    accepted: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes the exit code 3."""
        return self.severity.counts and not self.accepted

    @property
    def blocks(self) -> bool:
        """Whether it keeps `up` from beginning."""
        return self.severity is Severity.BLOCKS and not self.accepted

    @property
    def message(self) -> str:
        if self.said:
            return self.said
        found = self.found or "absent"
        # `six` is one package, `--max-num-seqs` one flag.
        plural = self.fact.endswith("s") and not self.fact.endswith("ss")
        several = plural and self.area != "packages" and not set("-$/") & set(self.fact)
        verb = "are" if several else "is"
        if (found, self.expected) == ("absent", "present"):
            return f"there {verb} no {self.fact}"
        seen = f"{self.fact} {verb} `{found}`"
        if not self.expected:
            return seen
        whose = {
            Against.INVENTORY: "the inventory expects",
            Against.PEERS: "the other hosts have",
            Against.POSSIBLE: "needed is",
            Against.SOUND: "should be",
        }
        return f"{seen}, {whose[self.against]} `{self.expected}`"


@dataclass(frozen=True, slots=True)
class Known:
    """One cell of the table of hosts and facts. `lasting`: stays as it is unless somebody changes it, so that another
    value than last week's is worth a word; free memory and uptimes do not last. `asked`: found out because somebody
    asked for it, and shown to them whether or not it differs."""

    area: str
    fact: str
    value: str
    lasting: bool = True
    asked: bool = False


def blocker(host: str, message: str, evidence: Iterable[str] = (), hint: str = "", area: str = "services") -> Finding:
    """A finding that is one sentence: why `up` must not begin."""
    return Finding(host, area, message, Severity.BLOCKS, hint=hint, evidence=tuple(evidence), said=message)


def accepting(findings: Iterable[Finding], reasons: Mapping[str, str]) -> list[Finding]:
    """The findings, with what the inventory accepts marked as such. `reasons`: by id."""
    return [replace(f, accepted=reasons[f.id]) if f.id and f.id in reasons else f for f in findings]


def area_rank(area: str) -> int:
    """Its place in AREAS; behind them all for one of a playbook's own."""
    return AREAS.index(area) if area in AREAS else len(AREAS)


def sorted_findings(findings: Iterable[Finding], hosts: Iterable[str]) -> tuple[Finding, ...]:
    """The worst first and what is accepted last, then by area, fact, and host in the order of the inventory; each
    once."""
    place = {name: index for index, name in enumerate(hosts)}
    return tuple(
        sorted(
            dict.fromkeys(findings),
            key=lambda f: (bool(f.accepted), f.severity.rank, area_rank(f.area), f.fact, place.get(f.host, -1)),
        )
    )
