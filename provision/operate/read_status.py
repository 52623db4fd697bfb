"""What a host says when it is looked at → values. Total: whatever a host says, it gives one."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from provision.core.script import Fragment
from provision.core.visible import visible
from provision.operate.status import GpuUse, ServiceStatus, Work

_LONGEST = 300

#: How it is said that there are no numbers: of a server that has lost its port, does not answer, or does not tell them.
_WHY = ("lost", "mute", "silent")


def read_gpus_in_use(fragment: Fragment) -> tuple[tuple[GpuUse, ...], str]:
    """(GPUs, why they are not known)."""
    lines = fragment.stdout.splitlines()
    if "missing" in lines:
        return (), "nvidia-smi is not installed"
    apps = Counter(line[4:].partition(",")[0].strip() for line in lines if line.startswith("app=GPU-"))
    rows = [line.split(", ", 7) for line in lines if line.count(", ") >= 7]
    gpus = tuple(_gpu(row, apps) for row in rows if row[0].isascii() and row[0].isdigit() and len(row[0]) < 5)
    if "end" not in lines:
        return gpus, "nvidia-smi does not answer"
    if "rc=0" in lines and gpus:
        return gpus, ""
    said = next((line for line in lines if line.strip() and not line.startswith(("rc=", "app="))), "")
    return gpus, visible(said)[:_LONGEST] or "nvidia-smi said nothing"


def read_service(name: str, fragment: Fragment) -> tuple[ServiceStatus | None, str]:
    """(the service, why it could not be looked at); neither: there is none."""
    if not fragment.ok:
        return None, visible((fragment.tail(1) or ("its services could not be looked at",))[-1])[:_LONGEST]
    said = pairs(fragment.stdout)
    if "running" not in said:
        return None, ""
    running = said["running"] == "yes"
    return ServiceStatus(
        name=name,
        running=running,
        ready="ready" in said,
        why="" if running else said["running"].removeprefix("no: "),
        again=said.get("again", said["running"] if "starting again" in said["running"] else "").removeprefix("no: "),
        seconds=_whole(said.get("seconds")),
        restarts=_whole(said.get("restarts")),
        environment=said.get("environment", ""),
        model=said.get("model", ""),
        joined=tuple(filter(None, said.get("nodes", "").split(", "))) if name == "ray" else (),
        flags={key: value for key, value in said.items() if key.startswith("--")},
        mute=_mute(said) if running else "",
    ), ""


def _mute(said: Mapping[str, str]) -> str:
    if "frozen" in said:
        return "its process is stopped by a signal"
    if said.get("metrics.lost"):
        return said["metrics.lost"]
    return f"its server does not answer: {said['metrics.mute']}" if said.get("metrics.mute") else ""


def read_work(fragment: Fragment) -> tuple[Work | None, str]:
    """(numbers of the server's, why they are not known)."""
    said = pairs(fragment.stdout)
    if "metrics" not in said:
        if "frozen" in said:
            return None, "its process is stopped by a signal"
        return None, next((said[f"metrics.{why}"] for why in _WHY if said.get(f"metrics.{why}")), _unsaid(said))
    try:
        found = json.loads(said["metrics"])
        before, now, seconds = dict(found["before"]), dict(found["now"]), float(found["seconds"])
        if not 0 < seconds < 1e6:
            raise ValueError
    except (ValueError, LookupError, TypeError, RecursionError):
        return None, "what it says cannot be read"
    return _work(before, now, seconds), ""


def _unsaid(said: Mapping[str, str]) -> str:
    """Of a server that was asked, something has to be known."""
    asked = said.get("running") == "yes" and "ready" in said
    return "the program that asks it has ended without a word" if asked else ""


def between(before: Work | None, now: Work | None) -> float | None:
    """The mean time to the first token of the requests that came between two looks; None: none has come."""
    if before is None or now is None or None in (before.first_tokens, now.first_tokens):
        return None
    come = (now.first_tokens or 0) - (before.first_tokens or 0)
    took = _total(now) - _total(before)
    return took / come if come > 0 and took >= 0 else None


def pairs(text: str) -> dict[str, str]:
    """`key=value` lines; a later one wins."""
    found = {}
    for line in text.splitlines():
        key, sign, value = line.partition("=")
        if sign:
            found[visible(key)[:_LONGEST]] = value if key == "metrics" else visible(value)[:_LONGEST]
    return found


def _total(work: Work) -> float:
    return (work.first_token_seconds or 0.0) * (work.first_tokens or 0.0)


def _work(before: Mapping[str, Any], now: Mapping[str, Any], seconds: float) -> Work:
    made, earlier = _number(now.get("generated")), _number(before.get("generated"))
    count, total = _number(now.get("first_tokens")), _number(now.get("first_token_seconds"))
    return Work(
        seconds=seconds,
        tokens_per_second=(made - earlier) / seconds if made is not None and earlier is not None else None,
        running=_number(now.get("running")),
        waiting=_number(now.get("waiting")),
        kv_cache=_number(now.get("kv_cache")),
        first_token_seconds=total / count if total is not None and count else None,
        first_tokens=count,
    )


def _gpu(row: list[str], apps: Mapping[str, int]) -> GpuUse:
    index, uuid, used, total, celsius, watts, percent, name = (cell.strip() for cell in row)
    return GpuUse(
        int(index),
        visible(name)[:_LONGEST],
        _whole(used),
        _whole(total),
        _number(celsius),
        _number(watts),
        _number(percent),
        apps.get(uuid, 0),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _number(value: object) -> float | None:
    """What nvidia-smi and JSON have for one; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number < 1e18 else None
