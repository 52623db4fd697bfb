"""A fault of the network as a finding: where, which ports, what came of it, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from provision.finding import Against, Finding, Severity
from provision.proofs.network_faults import Fault, Pair, Scope
from provision.proofs.network_members import Member, Result

AREA, FACT = "network", "network proof"

#: Verdict → what is said of the connection, and why that is so.
VERDICTS = {
    "dropped": ("dropped", "a firewall swallows it without a word: whoever connects waits for minutes, then gives up"),
    "refused": ("refused", "it listened there, so a rule rejects it on the way, or something else has its address"),
    "unreachable": ("unreachable", "there is no way to that address, or a firewall says so"),
    "silent": ("answered by nobody", "the connection opens, and not a byte comes back: something between answers"),
    "cut": ("cut", "the connection opens, and is ended by something between"),
    "unknown": ("not shown to pass", "there was no time left to try: another host began late"),
}
#: So many pairs are listed as evidence, and so many ports by number.
_MOST_PAIRS, _MOST_PORTS = 6, 4


def closed(fault: Fault, result: Result, firewall: str) -> Finding:
    words = [VERDICTS.get(verdict, (verdict, "")) for verdict in fault.verdicts]
    several = not fault.ports or len(fault.ports) > 1
    verb = f"{'are' if several and fault.ports else 'is'} {' or '.join(word for word, _ in words)}"
    return Finding(
        host_of(fault.scope),
        AREA,
        FACT,
        Severity.BLOCKS,
        found=f"{_few_ports(fault.ports)} {words[0][0]}",
        against=Against.SOUND,
        said=f"TCP to {_ports(fault, result)} {verb} {where(fault.scope)}",
        why="; ".join(why for _, why in words),
        hint=_hint(fault, result, firewall),
        evidence=_evidence(fault, result),
    )


def where(scope: Scope) -> str:
    if scope.kind == "all":
        return "between all hosts: nothing but SSH passes" if len(scope.pairs) > 1 else "between all hosts"
    if scope.kind == "parts":
        return f"between {' | '.join(_names(part) for part in scope.parts)}"
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


def arrow(pair: Pair, result: Result) -> str:
    a, b = result.member(pair[0]), result.member(pair[1])
    return f"{a.name} → {b.name} ({b.address})"


def listed(lines: Sequence[str]) -> tuple[str, ...]:
    hidden = len(lines) - _MOST_PAIRS
    return tuple(lines) if hidden <= 1 else (*lines[:_MOST_PAIRS], f"… and {hidden} more pairs")


def _ports(fault: Fault, result: Result) -> str:
    if not fault.ports:
        return "every port"
    uses: dict[int, str] = {}
    for _, b, _ in fault.seen:
        uses |= dict(result.member(b).ports)
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


def _evidence(fault: Fault, result: Result) -> tuple[str, ...]:
    tried = result.tried()
    lines = []
    for pair in fault.scope.pairs:
        seen: dict[tuple[str, str], list[int]] = {}
        for (a, b, port), what in fault.seen.items():
            if (a, b) == pair:
                seen.setdefault(what, []).append(port)
        parts = []
        for (verdict, detail), ports in seen.items():
            text = f"{_few_ports(ports) if fault.ports else f'{len(ports)} ports'} {verdict}"
            parts.append(f"{text}: {detail}" if detail else text)
        if passes := len(tried[pair]) - len(result.closed()[pair]):
            parts.append(f"{passes} other{'s' if passes > 1 else ''} passed")
        lines.append(f"{arrow(pair, result)}: {'; '.join(parts)}")
    return listed(lines)


def _hint(fault: Fault, result: Result, firewall: str) -> str:
    a, b = fault.scope.pairs[0]
    source, target = result.member(a), result.member(b)
    if fault.verdicts == ("unreachable",) and not fault.ports:
        return f"run `ip route get {target.address}` on {a}, and look at the cable and the address of {b}"
    if fault.verdicts == ("unknown",):
        return "run it again"
    host = host_of(fault.scope) or "each of them"
    if fault.scope.kind == "from":
        return f"look at what {host} lets out: `{firewall}` prints what it must"
    look = _look(source, target, fault)
    return f"let it through on {host}, and on what is between: `{firewall}` prints the rules{look}"


def _look(source: Member, target: Member, fault: Fault) -> str:
    if fault.scope.kind != "pairs" or "unreachable" not in fault.verdicts:
        return ""
    return f"; `ip route get {target.address}` on {source.name} shows the way"
