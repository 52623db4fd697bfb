"""How fast the all-reduce was, over which transport, and which host or pair stands out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from provision.core.finding import Against, Finding, Known, Severity
from provision.core.proof import Shown
from provision.core.regex import regex
from provision.proofs.all_reduce.participant import Participant

#: A host or pair below this part of what is usual among the others stands out. This project's own: neighbours on one
#: switch differ by a few per cent, and a link that came up at a lower speed has a quarter or a tenth of it.
SLOW = 1 / 3

#: NCCL's channels, one line for each (src/transport/net.cc): `… [send] via NET/IB/0(1)/GDRDMA/Shared`.
_CHANNEL = regex(r"via NET/([A-Za-z][\w .-]*?)/\d+(?:\(\d+\))?((?:/\w+)*)")
#: What joins the GPUs of one host (src/transport/p2p.cc, shm.cc).
_WITHIN = regex(r"via (P2P|SHM)\b")
_SWITCHED_OFF = {"NCCL_IB_DISABLE": "1", "NCCL_NET": "Socket", "NCCL_NET_PLUGIN": "none"}


def measured(
    parts: Sequence[Participant], seats: Mapping[str, Mapping[str, Any]], said: Mapping[str, Mapping[str, Any]]
) -> Shown:
    """`seats`: host → what it said to the lead; `said`: host → what it printed, NCCL's log in it."""
    told = [*seats.values()]
    whole = next(one["result"] for one in told if "seconds" in one.get("result", {}))
    ranks, speed = int(whole["ranks"]), whole["size"] / whole["seconds"]
    nccl = all(int(one["gpus"]) for one in told)
    ways = transports(line for one in said.values() for line in one.get("ways", ()))
    how = (
        f"nccl {next(iter(told))['nccl']}, {', '.join(ways) or 'transport unknown'}"
        if nccl
        else f"gloo, {_interfaces(parts)}"
    )
    who = f"{ranks} GPUs of {len(parts)} {'hosts' if len(parts) > 1 else 'host'}" if nccl else f"{len(parts)} hosts"
    # Bus bandwidth is what the links carry, whatever the number of ranks: nccl-tests, doc/PERFORMANCE.md.
    bus = f" (bus {rate(speed * 2 * (ranks - 1) / ranks)})" if nccl else ""
    text = f"all-reduce over {who} ({how}): {rate(speed)}{bus}, latency {_latency(whole['latency'])}"
    pairs = {(a, b): float(v) for one in told for a, b, v in one.get("result", {}).get("pairs", ())}
    findings = [*_elsewhere(parts), *_sockets(parts, ways, said), *_blind(parts, seats), *slow(pairs)]
    cells = (Known("network", "all-reduce", rate(speed), lasting=False),)
    way = (Known("network", "all-reduce over", ", ".join(ways)),) if nccl and ways else ()
    known = {part.host: (*cells, *way, *_best(part.host, pairs)) for part in parts}
    return Shown(tuple(findings), (("", text),), known)


def transports(lines: Any) -> list[str]:
    """What NCCL chose to go from host to host; or, where it went to no other, within one."""
    found, within = {}, {}
    for line in lines:
        if channel := _CHANNEL.search(line):
            direct = " with GPUDirect RDMA" if "/GDRDMA" in channel[2] else ""
            name = "sockets" if channel[1] == "Socket" else channel[1]
            found[f"{name}{direct}"] = True
        elif inside := _WITHIN.search(line):
            within["NVLink or PCIe (P2P)" if inside[1] == "P2P" else "shared memory"] = True
    return [*(found or within)]


def slow(pairs: Mapping[tuple[str, str], float]) -> Iterator[Finding]:
    """A host is as fast as its best pair: a slow one has none that is fast. `pairs`: (from, to) → bytes per second."""
    both = {frozenset((a, b)): min(speed, pairs.get((b, a), speed)) for (a, b), speed in pairs.items()}
    hosts = sorted({host for pair in both for host in pair})
    best = {host: max(speed for pair, speed in both.items() if host in pair) for host in hosts}
    named: set[str] = set()
    for host in hosts:
        usual = median([best[other] for other in hosts if other != host])
        if len(hosts) > 2 and best[host] < SLOW * usual:
            named.add(host)
            lines = [f"{a} → {b}: {rate(speed)}" for (a, b), speed in pairs.items() if host in (a, b)]
            yield _slow(
                host,
                f"{rate(best[host])} to its neighbours, the other hosts have {rate(usual)}",
                best[host],
                usual,
                lines,
            )
    for pair, speed in both.items():
        usual = median(both.values())
        if len(both) > 2 and speed < SLOW * usual and not pair & named:
            a, b = sorted(pair)
            lines = [f"{a} → {b}: {rate(pairs[a, b])}", f"{b} → {a}: {rate(pairs[b, a])}"]
            yield _slow(a, f"{rate(speed)} between it and {b}, other pairs have {rate(usual)}", speed, usual, lines)


def _slow(host: str, said: str, found: float, usual: float, evidence: Sequence[str]) -> Finding:
    return Finding(
        host, "network", "all-reduce bandwidth", Severity.WARNING, rate(found), rate(usual), Against.PEERS,
        why="all ranks go at the pace of the slowest",
        hint=f"look at its link: `ethtool <interface>` or `ibstat` on {host}, errors in `ip -s link`, cable and switch",
        evidence=tuple(evidence), said=said,
    )  # fmt: skip


def _sockets(
    parts: Sequence[Participant], ways: Sequence[str], said: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """RDMA is there and was not used. Whoever switched it off knows."""
    equipped = [part for part in parts if part.rdma]
    off = any(part.environment.get(name) == value for part in parts for name, value in _SWITCHED_OFF.items())
    if "sockets" not in ways or len(equipped) < 2 or off:
        return
    lines = [line for one in said.values() for line in one.get("ways", ()) if re.search(r"NET/IB|ibv|WARN", line)]
    have = ", ".join(f"{part.host} {'/'.join(part.rdma)}" for part in equipped[:4])
    yield Finding(
        "", "network", "all-reduce transport", Severity.WARNING, "sockets", "IB", Against.SOUND,
        why="over TCP it has a fraction of the bandwidth, and takes the CPUs' time",
        hint="NCCL says why in the lines above; most often libibverbs1 is missing, /dev/infiniband may not be opened "
        "by the user, `ulimit -l` is small, or NCCL_IB_HCA names another device (`ibv_devinfo` lists them)",
        evidence=tuple(dict.fromkeys(lines))[:6],
        said=f"NCCL goes over sockets, although there are RDMA devices that are up: {have}",
    )  # fmt: skip


def _elsewhere(parts: Sequence[Participant]) -> Iterator[Finding]:
    """It can go well: on such a host Gloo calls, and is not called."""
    for part in parts:
        if part.elsewhere:
            said, hint = part.misled
            yield Finding(
                part.host, "network", "interface", Severity.WARNING, part.interface, part.carries, Against.POSSIBLE,
                why="the other ranks may be told an address that they cannot reach, or a slow one",
                hint=hint,
                said=said,
            )  # fmt: skip


def _blind(parts: Sequence[Participant], seats: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """A torch that was built for CUDA, on a host with GPUs, finds none of them."""
    for part in parts:
        one = seats[part.host]
        if part.gpus and one["cuda"] and not int(one["gpus"]):
            yield Finding(
                part.host, "network", "all-reduce transport", Severity.WARNING, "gloo", "nccl", Against.POSSIBLE,
                why="the model will not find them either; the all-reduce was measured over Gloo instead",
                hint=f"run `nvidia-smi` on {part.host}, and see that its driver fits CUDA {one['cuda']}",
                said=f"torch finds no GPU, nvidia-smi lists {part.gpus}",
            )  # fmt: skip


def _best(host: str, pairs: Mapping[tuple[str, str], float]) -> tuple[Known, ...]:
    speeds = [speed for pair, speed in pairs.items() if host in pair]
    return (Known("network", "best pair", rate(max(speeds)), lasting=False),) if speeds else ()


def _interfaces(parts: Sequence[Participant]) -> str:
    return ", ".join(dict.fromkeys(part.interface for part in parts if part.interface)) or "no interface set"


def rate(speed: float) -> str:
    """`0.9 GB/s`: 10⁹ bytes per second, as nccl-tests prints it; MB/s below a tenth of that."""
    if speed < 1e8:
        return f"{speed / 1e6:.1f} MB/s" if speed < 1e7 else f"{speed / 1e6:.0f} MB/s"
    return f"{speed / 1e9:.1f} GB/s" if speed < 1e10 else f"{speed / 1e9:.0f} GB/s"


def _latency(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.0f} µs"
