"""What a network proof shows: findings, one note, and the table of who reaches whom. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from provision.core.finding import Against, Finding, Known, Severity
from provision.core.proof import Shown
from provision.proofs.network.answers import Path
from provision.proofs.network.faults import Pair, Scope, faults, scopes
from provision.proofs.network.members import NetworkResult
from provision.proofs.network.wording import AREA, FACT, arrow, closed, host_of, listed, where

#: A round trip is far out if it is more than so many times that of the nearer quarter, and more than so many ms.
FAR_TIMES, FAR_MS = 10.0, 2.0
#: With more hosts than this, the table has only those that do not reach all others.
WHOLE_TABLE = 12
#: Bytes of IPv4's and TCP's headers, with the time stamps that Linux puts in; of IPv4's and ICMP's.
TCP_HEADERS, PING_HEADERS = 52, 28


def show(result: NetworkResult, firewall: str) -> Shown:
    findings = [*_absent(result), *_impostors(result), *_closed(result, firewall), *_payloads(result), *_far(result)]
    note = _note(result)
    return Shown(tuple(findings), ((("", note),) if note else ()), _known(result))


def _absent(result: NetworkResult) -> Iterator[Finding]:
    for name, silent in result.silent.items():
        hint = silent.hint or "run it again, or leave it out with `--skip network`"
        yield _finding(name, Severity.BLOCKS, f"it took no part in the network proof: {silent.message}",
                       why="whether it reaches the others, and they reach it, is unknown",
                       hint=hint, evidence=silent.evidence)  # fmt: skip
    for name in result.without_python:
        yield _finding(name, Severity.WARNING, "it took no part in the network proof: it has no Python",
                       why="connections from it were not tested, and connections to it only in part",
                       hint=f"install python3 on {name}")  # fmt: skip


def _impostors(result: NetworkResult) -> Iterator[Finding]:
    for name, other in result.impostors().items():
        address = result.member[name].address
        yield _finding(name, Severity.BLOCKS, f"{other} answers at its address {address}",
                       why="traffic for one of them reaches the other",
                       hint=f"run `ip -brief address` on both, and set hosts.{name}.node_ip")  # fmt: skip


def _closed(result: NetworkResult, firewall: str) -> Iterator[Finding]:
    for fault in faults(result.closed, result.tried):
        yield closed(fault, result, firewall)


def _payloads(result: NetworkResult) -> Iterator[Finding]:
    paths = result.paths
    tried = [pair for pair, path in paths.items() if path.payload not in ("", "none")]
    for scope in scopes([p for p in tried if paths[p].payload == "lost"], tried):
        largest = max(_packet(paths[pair]) for pair in scope.pairs)
        evidence = [f"{arrow(pair, result)}: packets of {_packet(paths[pair])} bytes are lost, small ones pass"
                    for pair in scope.pairs]  # fmt: skip
        a, b = (result.member[name] for name in scope.pairs[0])
        ping = f"ping -M do -s {largest - PING_HEADERS} {b.address}"
        lower = f"sudo ip link set {shlex.quote(a.interface or 'INTERFACE')} mtu 1500"
        yield _finding(host_of(scope), Severity.BLOCKS, f"large packets are lost {_way(scope)}",
                       why="connections open, then hang with the first large message: NCCL, weights, Ray's objects",
                       hint=f"`{ping}` on {a.name} shows it: let the switches carry MTU {largest}, or lower it on all "
                            f"hosts: `{lower}`",
                       evidence=listed(evidence))  # fmt: skip
    for scope in scopes([p for p in tried if paths[p].payload == "stalled"], tried):
        yield _finding(host_of(scope), Severity.BLOCKS, f"connections open, and no data passes {_way(scope)}",
                       why="anything sent there hangs",
                       hint="look for a firewall that inspects what passes, or for heavy loss: `ip -s link`",
                       evidence=listed([arrow(pair, result) for pair in scope.pairs]))  # fmt: skip
    for scope in scopes([p for p in tried if paths[p].payload == "slow"], tried):
        evidence = [f"{arrow(pair, result)}: {paths[pair].acked // 1024} of 256 KiB within 4 s" for pair in scope.pairs]
        yield _finding(host_of(scope), Severity.WARNING, f"hardly any data passes {_way(scope)}",
                       why="every token waits for it", hint="look for loss: `ip -s link` on both sides counts it",
                       evidence=listed(evidence))  # fmt: skip


def _far(result: NetworkResult) -> Iterator[Finding]:
    """Against the nearer quarter of the pairs: of three hosts one that is far away makes two of three pairs slow."""
    trips = {pair: path.rtt for pair, path in result.paths.items() if path.rtt}
    if len(trips) < 4:
        return
    near = sorted(trips.values())[len(trips) // 4]
    far = [pair for pair, ms in trips.items() if ms > FAR_MS and ms > FAR_TIMES * near]
    for scope in scopes(far, trips):
        evidence = [f"{arrow(pair, result)}: {_ms(trips[pair])} ms" for pair in scope.pairs]
        said = f"the round trip is {_range([trips[pair] for pair in scope.pairs])} ms {_way(scope)}"
        yield _finding(host_of(scope), Severity.WARNING, f"{said}, elsewhere {_ms(near)} ms",
                       why="every token waits for several of them",
                       hint=f"see which route it takes: `ip route get {result.member[scope.pairs[0][1]].address}` on "
                            f"{scope.pairs[0][0]}",
                       evidence=listed(evidence))  # fmt: skip


def _note(result: NetworkResult) -> str:
    """What was proved, in numbers."""
    closed_ports, tried = result.closed, result.tried
    number = sum(len(ports) for ports in tried.values())
    if not number:
        return ""
    failed = sum(len(ports) for ports in closed_ports.values())
    trips = [path.rtt for _, path in result.paths.items() if path.rtt]
    mtus = [path.mtu for _, path in result.paths.items() if path.mtu]
    hosts = len({name for pair in tried for name in pair})
    parts = [f"{number - failed} of {number} connections between {hosts} hosts"]
    parts += [f"round trip {_range(trips)} ms"] if trips else []
    parts += [f"MTU {min(mtus)}" if min(mtus) == max(mtus) else f"MTU {min(mtus)}–{max(mtus)}"] if mtus else []
    return f"network proof: {', '.join(parts)}"


def _known(result: NetworkResult) -> dict[str, tuple[Known, ...]]:
    """A row per host that connects, with a cell for each that is connected to."""
    names = [m.name for m in result.members]
    cells = {pair: _cell(path, result, pair) for pair, path in result.paths.items()}
    whole = len(names) <= WHOLE_TABLE
    bad = {a for (a, _), (_, fails) in cells.items() if fails}
    return {
        b: tuple(
            Known(AREA, f"from {a}", "·" if a == b else cells[a, b][0], lasting=False, asked=True)
            for a in names
            if (whole or a in bad) and (a == b or (a, b) in cells)
        )
        for b in names
    }


def _cell(path: Path, result: NetworkResult, pair: Pair) -> tuple[str, bool]:
    """The worst of one way, as short as a cell, and whether that is a failure."""
    failed, ports = result.closed[pair], result.tried[pair]
    if failed:
        verdicts = "/".join(sorted({verdict for verdict, _ in failed.values()}))
        every = len(failed) == len(ports)
        return f"{verdicts} {'all' if every else min(failed) if len(failed) == 1 else len(failed)}", True
    if path.payload in ("lost", "stalled", "slow"):
        return {"lost": f"MTU < {path.mtu}", "stalled": "no data", "slow": "slow"}[path.payload], True
    return f"{_ms(path.rtt)} ms" if path.rtt else "reached", False


def _finding(host: str, severity: Severity, said: str, *, why: str, hint: str, evidence: Sequence[str] = ()) -> Finding:
    against = Against.SOUND
    return Finding(host, AREA, FACT, severity, "", "", against, why, hint, tuple(evidence), said)


def _way(scope: Scope) -> str:
    return "between all hosts" if scope.kind == "all" else where(scope)


def _packet(path: Path) -> int:
    """Bytes of the largest that the host sends there."""
    return min(path.mtu, path.mss + TCP_HEADERS)


def _ms(ms: float) -> str:
    return f"{max(ms, 0.01):.2f}" if ms < 0.095 else f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"


def _range(trips: Sequence[float]) -> str:
    low, high = _ms(min(trips)), _ms(max(trips))
    return low if low == high else f"{low}–{high}"
