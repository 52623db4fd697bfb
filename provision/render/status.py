"""How a cluster is: lines for a terminal of any width, and values for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from provision.core.lease import clock, several
from provision.core.wording import span
from provision.render.status_hosts import UNKNOWN, hosts_lines
from provision.render.status_wrong import wrong_words
from provision.render.text import PLAIN, Paint, Style, clean, count, named, wrapped

if TYPE_CHECKING:
    from provision.operate.status import ClusterStatus, HostStatus, ServiceStatus, Work

_LABEL = 11
_MOST_CHANGES = 6


def status_lines(
    seen: ClusterStatus, paint: Paint = PLAIN, *, width: int = 80, history: Mapping[str, str] | None = None
) -> list[str]:
    """`history`: sparklines, by what they are of: `tokens`, `queue`, `kv`, `first`."""
    lines = [_title(seen, paint)]
    for label, text in status_facts(seen, history or {}):
        lines += wrapped(clean(text), max(width, 40), " " * (_LABEL + 1), f"{label:<{_LABEL}}")
    lines += ["", *hosts_lines(seen, paint, width)]
    for wrong in wrong_words(seen):
        lines += wrapped(clean(wrong), max(width, 40), "  ", paint(Style.WARN, "wrong:"))
    return lines


def status_facts(seen: ClusterStatus, history: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is told of the cluster as a whole: (what it is, words)."""
    facts = [("check", check_words(seen))]
    facts += [("under way", line) for line in several(seen.holders, seen.at)]
    facts += [("model", _model(seen))]
    facts += _work(seen.work, seen.work_unknown, history) if seen.served else []
    if any(host.service("ray") for host in seen.hosts):
        facts.append(("Ray", _ray(seen)))
    facts += [("no member", _former(host)) for host in seen.former_unknown]
    if seen.former_untold:
        facts.append(("no member", f"who else belonged to it is {UNKNOWN}: {seen.former_untold}"))
    facts.append(("environment", _environment(seen)))
    facts.append(("last up", _last_up(seen)))
    return facts


def verdict(seen: ClusterStatus) -> str:
    if seen.unreachable:
        return "unreachable: " + named([host.name for host in seen.unreachable])
    if seen.holders:
        return "another run is at work"
    if seen.unknown:
        return "could not be asked: " + named([host.name for host in seen.unknown])
    return "not well" if seen.wrong else "well, as far as was looked at"


def check_words(seen: ClusterStatus) -> str:
    from provision.operate.status import NOT_LOOKED_AT

    return f"{seen.check}; {', '.join(NOT_LOOKED_AT)}: `provision check` looks at these, too"


def status_json(seen: ClusterStatus) -> dict[str, object]:
    """docs/day-after.md. None is what is not known."""
    from provision.operate.status import NOT_LOOKED_AT

    return {
        "cluster": seen.cluster,
        "healthy": seen.healthy,
        "exit_code": int(seen.exit_code),
        "check": seen.check,
        "wrong": list(seen.wrong),
        "not_looked_at": list(NOT_LOOKED_AT),
        "under_way": [
            {
                "host": name,
                "command": holder.command if holder else "",
                "who": holder.who if holder else "",
                "pid": holder.pid if holder else 0,
                "since": holder.since if holder else None,
            }
            for name, holder in seen.holders.items()
        ],
        "served": seen.served,
        "environment": seen.environment or None,
        "work": _work_json(seen.work),
        "work_unknown": seen.work_unknown,
        "last_up": (
            {
                "at": seen.last_up.at,
                "exit_code": seen.last_up.exit_code,
                "changes": [{"host": h, "label": label} for h, label in seen.last_up.changes],
            }
            if seen.last_up
            else None
        ),
        "hosts": [_host_json(host) for host in seen.hosts],
        "former": [_host_json(host) for host in seen.former],
        "former_untold": seen.former_untold,
        "seconds": seen.seconds,
    }


def _title(seen: ClusterStatus, paint: Paint) -> str:
    style = Style.ERROR if seen.unknown else Style.WARN if seen.wrong or seen.holders else Style.OK
    return f"{paint(Style.BOLD, clean(seen.cluster))}  {clock_of(seen.at)}  {paint(style, clean(verdict(seen)))}"


def clock_of(at: float) -> str:
    from time import localtime, strftime

    return strftime("%H:%M:%S", localtime(at))


def _model(seen: ClusterStatus) -> str:
    if not seen.served:
        return "the inventory serves none"
    server = next((host.service("vllm") for host in seen.hosts if host.role == "head"), None)
    if server is None:
        return f"{seen.served}: no server was found on the head"
    parts = [seen.served if server.model in ("", seen.served) else f"{seen.served} ({server.model})"]
    if cut := cut_of(server):
        parts.append(cut)
    since = f" for {span(server.seconds)}" if server.well and server.seconds is not None else ""
    parts.append(f"{server.said}{since}")
    if server.restarts is not None:
        parts.append(f"{count(server.restarts, 'restart')} by itself")
    return ", ".join(parts)


def cut_of(server: ServiceStatus) -> str:
    words = {"--tensor-parallel-size": "tensor", "--pipeline-parallel-size": "pipeline", "--data-parallel-size": "data"}
    return " × ".join(f"{word} parallel {server.flags[flag]}" for flag, word in words.items() if flag in server.flags)


def _work(work: Work | None, why: str, history: Mapping[str, str]) -> list[tuple[str, str]]:
    if work is None:
        return [("work", f"{UNKNOWN}{f': {why}' if why else ''}")]
    first = f"{work.first_token_seconds:.3f} s" if work.first_token_seconds is not None else UNKNOWN
    if work.first_token_seconds is not None and work.first_tokens is not None:
        first += f", mean of {count(int(work.first_tokens), 'request')} since it started"
    rows = [
        ("tokens/s", _amount(work.tokens_per_second, 1), "tokens"),
        ("queue", f"{_amount(work.running)} running, {_amount(work.waiting)} waiting", "queue"),
        ("KV cache", f"{work.kv_cache * 100:.0f} % used" if work.kv_cache is not None else UNKNOWN, "kv"),
        ("first token", first, "first"),
    ]
    return [(label, f"{text}  {history[key]}" if history.get(key) else text) for label, text, key in rows]


def _amount(value: float | None, places: int = 0) -> str:
    return UNKNOWN if value is None else f"{value:.{places}f}"


def _ray(seen: ClusterStatus) -> str:
    there = [service for host in seen.hosts if (service := host.service("ray"))]
    running = sum(service.well for service in there)
    joined = next((service.joined for service in there if service.joined), ())
    counted = f"; when it was last counted, {', '.join(joined)} had joined" if joined else ""
    return f"runs on {running} of {len(seen.hosts)} hosts{counted}"


def _former(host: HostStatus) -> str:
    why = host.error.message if host.error else host.services_unknown
    return f"{host.name} ({host.address}) was one; whether anything still runs there is {UNKNOWN}: {why}"


def _environment(seen: ClusterStatus) -> str:
    found: dict[str, list[str]] = {}
    for host in seen.hosts:
        if host.error is None:
            found.setdefault(host.environment or "none", []).append(host.name)
    words = [f"{digest} on {named(hosts)}" for digest, hosts in found.items()]
    lock = f"the lock here: {seen.environment}" if seen.environment else "what the lock here says is not known"
    return "; ".join([*words, lock])


def _last_up(seen: ClusterStatus) -> str:
    last, order = seen.last_up, {host.name: place for place, host in enumerate(seen.hosts)}
    if last is None:
        return f"{UNKNOWN}: there is no log of one on this machine"
    how = "it has not ended, or was cut off" if last.exit_code is None else f"exit code {last.exit_code}"
    hosts: dict[str, list[str]] = {}
    for host, label in last.changes:
        hosts.setdefault(label, []).append(host)
    # In the inventory's order: `gpu-07 … gpu-04` would be read as a range.
    shown = [f"{label} on {named(sorted(on, key=lambda name: order.get(name, -1)))}" for label, on in hosts.items()]
    more = f" and {len(shown) - _MOST_CHANGES} more" if len(shown) > _MOST_CHANGES else ""
    changes = f"changed {', '.join(shown[:_MOST_CHANGES])}{more}" if shown else "changed nothing"
    return f"{clock(last.at, seen.at)} from this machine, {how}, {changes}"


def _work_json(work: Work | None) -> object:
    from dataclasses import asdict

    return asdict(work) if work else None


def _host_json(host: HostStatus) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "host": host.name,
        "role": host.role,
        "address": host.address,
        "error": host.error.message if host.error else None,
        "gpus": [{**asdict(gpu), "used": gpu.used} for gpu in host.gpus],
        "gpus_unknown": host.gpus_unknown,
        "services": [
            {**asdict(service), "flags": dict(service.flags), "said": service.said} for service in host.services
        ],
        "services_unknown": host.services_unknown,
        "environment": host.environment or None,
    }
