"""What the hosts' answers to the all-reduce mean: how fast it was, or who kept it from ending, and why. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from provision.core.errors import HostError
from provision.core.finding import Against, Finding, Severity
from provision.core.proof import Shown
from provision.core.regex import regex
from provision.core.script import Fragment
from provision.core.values import dataclass
from provision.proofs.all_reduce.participant import Participant
from provision.proofs.all_reduce.speed import measured

WHY = (
    "the ranks of the model add up their numbers the same way, many times for every token: what fails here hangs there"
)

#: Said by a rank because of what happened to another one: PyTorch's ProcessGroupGloo and ProcessGroupNCCL, TCPStore.
AFTERMATH = regex(
    r"connection (?:closed|reset) by (?:remote )?peer|timed out|timeout|broken pipe|connectfullmesh"
    r"|remote process exited|ncclRemoteError|connection was likely closed|failed to recv|socket error"
    r"|its process ended by SIGKILL",
    re.IGNORECASE,
)
#: No memory is left on a GPU, most often because the model of before still runs: nothing is known then.
FULL = regex(r"out of memory|OutOfMemoryError|cudaErrorMemoryAllocation", re.IGNORECASE)
#: Gloo says whom it could not connect to: `remote=[10.0.0.2]:34567`.
REMOTE = regex(r"remote=\[([0-9a-fA-F.:]+)\]:\d+")
#: What tells more of an attempt to connect than the system's words.
REACHED = {
    "connection timed out": "nothing came back: a firewall drops it, or there is no route",
    "connection refused": "it was refused although a process was listening: a firewall rejects it",
    "no route to host": "a firewall rejects it, or there is no route between the two networks",
    "network is unreachable": "there is no route between the two networks",
    "cannot assign requested address": "it does not have the address that it is listed with",
}


@dataclass(frozen=True)
class Heard:
    """Of one host. `said`: what its ranks found, or where they stopped."""

    absent: bool = False
    said: Mapping[str, Any] = field(default_factory=dict)
    lead: Mapping[str, Any] | None = None
    tail: tuple[str, ...] = ()

    @property
    def failed(self) -> str:
        return str(self.said.get("failed", ""))


class Tried(Protocol):
    """What the answers are compared with: who took part, where they met, and the seconds that each part may take (see
    AllReduce)."""

    @property
    def participants(self) -> tuple[Participant, ...]: ...
    @property
    def port(self) -> int: ...
    @property
    def come(self) -> float: ...
    @property
    def load(self) -> float: ...
    @property
    def measure(self) -> float: ...


#: What comes of reading what is not of the shape that our programs give it.
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, StopIteration)


def shown(proof: Tried, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
    """Never raises: what answers runs as the user whose services are to come, who could print anything."""
    try:
        return _shown(proof, answers, failed)
    except _ODD:
        name = proof.participants[0].host
        tail = answers[name].tail(5) if name in answers else ()
        said = "all-reduce not proved: what the hosts said of it cannot be read"
        return Shown((_blocks(name, said, tail, f"look at who runs what on {name}: `ps aux`"),))


def _shown(proof: Tried, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
    heard = {name: _answer(fragment) for name, fragment in answers.items()}
    lead = next((answer.lead for answer in heard.values() if answer.lead is not None), None)
    bare = [name for name, answer in heard.items() if answer.absent or "No module named 'torch'" in answer.failed]
    if bare:
        text = f"all-reduce not proved: no environment on {', '.join(bare)} yet, `provision up` makes it"
        return Shown(notes=(("", text),))
    if lead is None and failed:
        return Shown(tuple(_blocks(name, str(error.message), error.evidence) for name, error in failed.items()))
    if lead is None:
        name = proof.participants[0].host
        said = "the all-reduce could not begin: its program ended"
        return Shown((_blocks(name, said, heard[name].tail if name in heard else ()),))
    if lead["outcome"] == "done":
        return measured(proof.participants, lead["seats"], {name: answer.said for name, answer in heard.items()})
    found = tuple(Trouble(proof, heard, lead).findings())
    if not found:
        raise ValueError("it did not end well, and nothing is wrong")
    return Shown(found)


def _answer(fragment: Fragment) -> Heard:
    absent = False
    said: dict[str, Any] = {}
    lead: dict[str, Any] | None = None
    for line in fragment.stdout.splitlines():
        key, _, value = line.partition("=")
        if key == "absent":
            absent = True
        elif key in ("host", "lead"):
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if not isinstance(found, dict):
                continue
            said, lead = (found, lead) if key == "host" else (said, found)
    return Heard(absent, said, lead, fragment.tail(5))


@dataclass(frozen=True)
class Trouble:
    """It did not end well. `lead`: how it ended, and what each host last said."""

    proof: Tried
    heard: Mapping[str, Heard]
    lead: Mapping[str, Any]

    def findings(self) -> Iterator[Finding]:
        """The cause alone: what the other hosts say of it is its evidence."""
        outcome, why = self.lead["outcome"], list(self.lead["why"])
        if outcome == "port":
            yield self._port(why)
        elif outcome == "missing":
            yield from self._missing(why)
        elif outcome == "loading":
            for name in why:
                yield _blocks(name, f"torch was not loaded within {self.proof.load:.0f} s", self._log(name), SLOW)
        else:
            yield from self._hung()

    def _port(self, why: Sequence[str]) -> Finding:
        name = self.proof.participants[0].host
        said = f"all-reduce not proved: {name} cannot listen on {self.proof.participants[0].node_ip}:{self.proof.port}"
        hint = f"stop what listens there (`ss -ltnp` on {name}; another check of this cluster?), and run it again"
        return _finding(name, Severity.WARNING, said, why, hint)

    def _missing(self, names: Sequence[str]) -> Iterator[Finding]:
        first = self.proof.participants[0]
        place = f"{first.node_ip} port {self.proof.port}"
        reasons = {name: str(self._said(name).get("unreached", "")) for name in names}
        unreached = {text for text in reasons.values() if text}
        if (
            len(names) > 1
            and len(names) == len(self.proof.participants) - 1
            and len(unreached) == 1
            and all(reasons.values())
        ):
            text = unreached.pop()
            lines = [f"{name}: {first.host} at {place}: {text.lower()}" for name in names]
            said = f"no other host reaches it at {place}: {_reached(text)}"
            yield _blocks(first.host, said, lines, _open(first.host))
            return
        for name, text in reasons.items():
            if text:
                evidence = [f"{self._participant(name).node_ip} → {place}: {text.lower()}"]
                yield _blocks(
                    name, f"it does not reach {first.host} at {place}: {_reached(text)}", evidence, _open(name)
                )
            else:
                said = f"it did not join the all-reduce within {self.proof.come:.0f} s"
                yield _blocks(name, said, self._log(name), f"check what {name} is doing: `top`, `dmesg`")

    def _hung(self) -> Iterator[Finding]:
        """Whoever is to blame is not who complains: first come hosts that are stopped or silent, then those that say
        something of their own, then those that others wait for."""
        seats: Mapping[str, Mapping[str, Any]] = self.lead["seats"]
        told = {name: str(seat.get("failed", "")) for name, seat in seats.items()}
        own = {name: text for name, text in told.items() if text and not AFTERMATH.search(text)}
        if self.lead["outcome"] == "silent":
            for name in self.lead["why"]:
                said = f"it has not been heard from for {seats[name]['silent']:.0f} s, while `{seats[name]['stage']}`"
                yield _blocks(name, said, self._others(name), f"check whether {name} hangs, or its cable is unplugged")
        elif stopped := [name for name, seat in seats.items() if seat.get("state") and "result" not in seat]:
            for name in stopped:
                how = "is stopped" if "T" in seats[name]["state"] else "waits in the kernel, where nothing ends it"
                said = f"its process {how}, while `{seats[name]['stage']}`"
                yield _blocks(name, said, self._others(name), f"look at {name}: `dmesg`, `nvidia-smi`")
        elif full := [name for name, text in own.items() if FULL.search(text)]:
            said = f"all-reduce not proved: no memory is left on the GPUs of {', '.join(full)}"
            lines = [f"{name}: {own[name]}" for name in full]
            yield _finding(full[0] if len(full) == 1 else "", Severity.WARNING, said, lines, FREE)
        elif own:
            yield self._own(own)
        elif elsewhere := [part for part in self.proof.participants if part.elsewhere]:
            for part in elsewhere:
                said, hint = part.misled
                yield _blocks(part.host, said, self._words(told), hint)
        else:
            yield self._waited_for(seats, told)

    def _own(self, own: Mapping[str, str]) -> Finding:
        """The same on many hosts is one fault."""
        from provision.diagnosis import decisive

        lines, hint = decisive("\n".join(own.values()))
        names = [*own]
        host = names[0] if len(names) == 1 else ""
        whom = f" on {', '.join(names)}" if len(names) > 1 else ""
        evidence = [*self._words(own), *(line for name in names for line in self._log(name))]
        return _blocks(
            host, f"the all-reduce failed{whom}: {_short(lines[-1] if lines else own[names[0]])}", evidence, hint
        )

    def _waited_for(self, seats: Mapping[str, Mapping[str, Any]], told: Mapping[str, str]) -> Finding:
        """All wait for one another. Gloo or the kernel says for whom; else the one that is furthest behind is named."""
        names = {part.node_ip: part.host for part in self.proof.participants}
        pairs = {(name, names[ip]) for name, text in told.items() for ip in REMOTE.findall(text) if ip in names}
        pairs |= {(name, other) for name, seat in seats.items() for other in seat.get("unanswered", ())}
        silent = [
            f"{name}: no answer from {', '.join(seat['unanswered'])}"
            for name, seat in seats.items()
            if seat.get("unanswered")
        ]
        evidence = [*silent, *self._words(told)] or [f"{name}: {seat['stage']}" for name, seat in seats.items()]
        ends = [host for pair in pairs for host in pair]
        if pairs:
            common = {host for host in ends if all(host in pair for pair in pairs)}
            one = sorted(common)[0] if len(common) == 1 and len(pairs) > 1 else ""
            first, second = sorted(pairs)[0]
            said = (
                "no other host has a connection to it" if one
                else f"{first} has no connection to {second} ({self._participant(second).node_ip})"
            )  # fmt: skip
            return _blocks(one or first, f"the all-reduce failed: {said}", evidence, _open(second))
        steps = {name: int(seat.get("step", 0)) for name, seat in seats.items() if "result" not in seat}
        behind = [name for name in steps if steps[name] == min(steps.values())]
        if behind and len(behind) < len(seats) and len(behind) <= len(seats) // 2:
            said = f"the others wait for it: it got no further than `{seats[behind[0]]['stage']}`"
            return _blocks(behind[0] if len(behind) == 1 else "", said, [*evidence, *self._log(behind[0])])
        stage = next((str(seats[name]["stage"]) for name in steps), "")
        said = f"the all-reduce did not end within {self.proof.measure:.0f} s, while `{stage}`"
        logs = [f"{name}: {line}" for name in steps for line in self._log(name)[-1:]]
        from provision.diagnosis import decisive

        hint = decisive("\n".join(line for name in steps for line in self._log(name)))[1]
        return _blocks("", said, [*evidence, *logs], hint)

    def _participant(self, name: str) -> Participant:
        return next(part for part in self.proof.participants if part.host == name)

    def _said(self, name: str) -> Mapping[str, Any]:
        return self.heard[name].said if name in self.heard else {}

    def _log(self, name: str) -> list[str]:
        """Its last lines: warnings of NCCL, where it has any."""
        said = self._said(name)
        lines = [str(line) for line in said.get("ways", ()) if "WARN" in line] or [*map(str, said.get("tail", ()))]
        return lines[-3:] or [*self.heard[name].tail[-3:]] if name in self.heard else []

    def _others(self, but: str) -> list[str]:
        seats = self.lead["seats"]
        words = self._words({name: str(seat.get("failed", "")) for name, seat in seats.items() if name != but})
        return words or [f"{name}: waits, while `{seat['stage']}`" for name, seat in seats.items() if name != but]

    def _words(self, told: Mapping[str, str]) -> list[str]:
        return [f"{name}: {_short(text)}" for name, text in told.items() if text]


SLOW = "check how fast its disk is: after each boot, torch (some 2 GB) is read from disk again"
FREE = "`provision down` stops the model, then `provision check --prove` measures; or leave it out: `--skip all-reduce`"


def _open(host: str) -> str:
    return f"`provision firewall` prints what must be open on {host}; `provision check --prove` tries it again"


def _reached(text: str) -> str:
    return REACHED.get(text.lower(), text.lower())


def _short(text: str) -> str:
    """Without the place in PyTorch's own sources."""
    text = re.sub(r"\[enforce fail at [^\]]*\] (?:[^.]*\. )?|\[[\w/.]+\.(?:cc|cpp|h):\d+\] ", "", text)
    return text if len(text) <= 300 else f"{text[:299]}…"


def _blocks(host: str, said: str, evidence: Sequence[str] = (), hint: str | None = None) -> Finding:
    return _finding(
        host,
        Severity.BLOCKS,
        said,
        evidence,
        hint or "`NCCL_DEBUG: INFO` is in what its ranks print: see the lines above",
    )


def _finding(host: str, severity: Severity, said: str, evidence: Sequence[str], hint: str) -> Finding:
    return Finding(
        host, "network", "all-reduce", severity,
        against=Against.POSSIBLE, why=WHY, hint=hint, evidence=tuple(dict.fromkeys(evidence)), said=said,
    )  # fmt: skip
