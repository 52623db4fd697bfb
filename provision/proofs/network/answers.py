"""What the hosts of a network proof said, as values. Pure; what a host prints may have any shape at all."""

from __future__ import annotations

import json
from collections.abc import Mapping

from provision.core.script import Fragment
from provision.core.values import dataclass

_VERDICTS = ("other", "taken", "silent", "refused", "dropped", "unreachable", "cut")


@dataclass(frozen=True)
class Silent:
    """A host that took part, or should have, and of which nothing is known."""

    message: str
    evidence: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Path:
    """From one host to another, as the first one saw it.

    `closed`: port → what came of it and a detail, of those that were not reached; the words are those of
    connecting.Peer, as for `payload`. `rtt`: the shortest of all connections, in ms, 0 if there was none.
    `mtu` and `mss`: bytes, of the sender; `acked`: bytes of a payload that was too slow.
    """

    closed: Mapping[int, tuple[str, str]]
    payload: str = ""
    rtt: float = 0.0
    mtu: int = 0
    mss: int = 0
    acked: int = 0


@dataclass(frozen=True)
class HostPaths:
    """Of one host. `taken`: the ports that it could not listen on, with the error's name; `to`: host → path."""

    taken: Mapping[int, str]
    to: Mapping[str, Path]


def read_answer(fragment: Fragment) -> HostPaths | Silent:
    if not fragment.ok:
        return Silent(f"its part ended with exit code {fragment.rc}", fragment.tail())
    try:
        said = json.loads(fragment.stdout)
        taken = {int(port): str(why) for port, why in said["taken"].items()}
        return HostPaths(taken, {str(name): _path(path) for name, path in said["peers"].items()})
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return Silent("its answer could not be parsed", fragment.tail())


def _path(said: Mapping[str, object]) -> Path:
    closed = said["closed"]
    numbers = {name: said[name] for name in ("rtt_us", "mtu", "mss", "acked")}
    if not isinstance(closed, dict) or not all(isinstance(number, int) for number in numbers.values()):
        raise TypeError
    rtt, mtu, mss, acked = (int(str(number)) for number in numbers.values())
    found = {int(port): (_verdict(verdict), str(detail)) for port, (verdict, detail) in closed.items()}
    return Path(found, str(said["payload"]), rtt / 1000, mtu, mss, acked)


def _verdict(said: object) -> str:
    return said if isinstance(said, str) and said in _VERDICTS else "unknown"
