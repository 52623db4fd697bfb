"""A fault of the network as a finding: where, which ports, what came of it, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from provision.core.finding import Against, Finding, Severity
from provision.proofs.network.faults import Fault, Pair, Scope
from provision.proofs.network.members import NetworkResult

AREA, FACT = "network", "network proof"

#: Verdict → what is said of one port, of several, in a word, and why it is so.
VERDICTS = {
    "dropped": (
        "is dropped",
        "are dropped",
        "dropped",
        "a firewall drops it silently: connections hang for minutes, then time out",
    ),
    "refused": (
        "is refused",
        "are refused",
        "refused",
        "a process was listening there, so a rule on the way rejects it, or another machine has the address",
    ),
    "unreachable": ("finds no route", "find no route", "no route", "no router on the way has a route to that address"),
    # What firewalld answers (`icmp-host-prohibited`) looks the same; but a route is for all ports.
    "rejected": (
        "is rejected",
        "are rejected",
        "rejected",
        "a firewall answers that there is no route, while other ports of the host are reached",
    ),
    "silent": (
        "connects, but nothing answers",
        "connect, but nothing answers",
        "no answer",
        "connections open, but not a byte comes back: something in between accepts them for the host",
    ),
    "taken": (
        "is answered by another machine",
        "are answered by another machine",
        "another machine",
        "the host was listening there, but another machine answered: two machines have the address",
    ),
    "cut": ("is cut", "are cut", "cut", "something in between closes established connections"),
    "unknown": ("is not proved", "are not proved", "not tried", "another host started too late for it"),
}
#: So many pairs are listed as evidence, and so many ports by number.
_MOST_PAIRS, _MOST_PORTS = 6, 4


def closed(fault: Fault, result: NetworkResult, firewall: str) -> Finding:
    words = [VERDICTS[verdict] for verdict in _told(fault)]
    verb = " or ".join(several if len(fault.ports) > 1 else one for one, several, _, _ in words)
    return Finding(
        host_of(fault.scope),
        AREA,
        FACT,
        Severity.BLOCKS,
        found=f"{_few_ports(fault.ports)} {words[0][2]}",
        against=Against.SOUND,
        said=f"TCP to {_ports(fault, result)} {verb} {where(fault.scope)}",
        why="; ".join(why for *_, why in words),
        hint=_hint(fault, result, firewall),
        evidence=_evidence(fault, result),
    )


def where(scope: Scope) -> str:
    if scope.kind == "all":
        return "between all hosts: nothing but SSH passes" if len(scope.pairs) > 1 else "between all hosts"
    if scope.kind == "parts":
        return f"between {' | '.join(_names(part) for part in scope.parts)}"
    if scope.kind == "many":
        return f"on {len(scope.pairs)} connections between hosts"
    if scope.kind == "host":
        return f"from {scope.host} to all others, and back"
    if scope.kind == "to":
        return f"from all others to {scope.host}"
    if scope.kind == "from":
        return f"from {scope.host} to all others"
    if two_ways(scope):
        return f"between {scope.pairs[0][0]} and {scope.pairs[0][1]}"
    return f"from {_names([a for a, _ in scope.pairs])} to {_names([b for _, b in scope.pairs])}"


def host_of(scope: Scope) -> str:
    """Where to look first: empty for what is between hosts."""
    if scope.host or scope.kind != "pairs" or two_ways(scope):
        return scope.host
    targets, sources = {b for _, b in scope.pairs}, {a for a, _ in scope.pairs}
    return targets.pop() if len(targets) == 1 else sources.pop() if len(sources) == 1 else ""


def two_ways(scope: Scope) -> bool:
    return scope.kind == "pairs" and len(scope.pairs) == 2 and scope.pairs[0] == scope.pairs[1][::-1]


def arrow(pair: Pair, result: NetworkResult) -> str:
    a, b = result.member[pair[0]], result.member[pair[1]]
    return f"{a.name} → {b.name} ({b.address})"


def listed(lines: Sequence[str]) -> tuple[str, ...]:
    hidden = len(lines) - _MOST_PAIRS
    return tuple(lines) if hidden <= 1 else (*lines[:_MOST_PAIRS], f"… and {hidden} more pairs")


def _told(fault: Fault) -> tuple[str, ...]:
    """Where one has no route to the other, what comes back is lost as well: that is no firewall."""
    if "unreachable" not in fault.verdicts:
        return fault.verdicts
    if fault.ports:
        return tuple("rejected" if verdict == "unreachable" else verdict for verdict in fault.verdicts)
    return ("unreachable",)


def _ports(fault: Fault, result: NetworkResult) -> str:
    if not fault.ports:
        return "every port"
    uses: dict[int, str] = {}
    for _, b, _ in fault.seen:
        uses |= dict(result.member[b].ports)
    if len(fault.ports) == 1:
        return f"port {fault.ports[0]} ({uses[fault.ports[0]]})"
    named = dict.fromkeys(uses[port] for port in fault.ports)
    return f"ports {_few_ports(fault.ports)} ({', '.join(named)})"


def _few_ports(ports: Sequence[int]) -> str:
    if not ports:
        return "all ports"
    if len(ports) <= _MOST_PORTS:
        return ", ".join(map(str, ports))
    return f"{', '.join(map(str, ports[: _MOST_PORTS - 1]))} and {len(ports) - _MOST_PORTS + 1} more"


def _names(names: Sequence[str]) -> str:
    few = list(dict.fromkeys(names))
    return ", ".join(few) if len(few) <= 3 else f"{len(few)} hosts ({few[0]} … {few[-1]})"


def _evidence(fault: Fault, result: NetworkResult) -> tuple[str, ...]:
    seen: dict[Pair, dict[tuple[str, str], list[int]]] = {pair: {} for pair in fault.scope.pairs}
    for (a, b, port), what in fault.seen.items():
        seen[a, b].setdefault(what, []).append(port)
    lines = []
    for pair, found in seen.items():
        parts = []
        for (verdict, detail), ports in found.items():
            word = VERDICTS[verdict][2]
            text = f"{_few_ports(ports)} {word}" if fault.ports else f"{word} on {len(ports)} ports"
            parts.append(f"{text}: {detail}" if detail else text)
        if passes := len(result.tried[pair]) - len(result.closed[pair]):
            parts.append(f"{passes} other{'s' if passes > 1 else ''} passed")
        lines.append(f"{arrow(pair, result)}: {'; '.join(parts)}")
    return listed(lines)


def _hint(fault: Fault, result: NetworkResult, firewall: str) -> str:
    told, host = _told(fault), host_of(fault.scope) or "each of them"
    if told == ("unknown",):
        return "run it again"
    if told == ("unreachable",):
        a, b = next((a, b) for (a, b, _), (verdict, _) in fault.seen.items() if verdict == "unreachable")
        return f"see where `ip route get {result.member[b].address}` on {a} leads, and whether its cable is plugged in"
    if fault.scope.kind == "from":
        return f"check what {host} lets out: `{firewall}` prints what it must allow"
    return f"allow it on {host}, and on anything in between: `{firewall}` prints the rules"
