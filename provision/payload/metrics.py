"""What a model server says of its work, by its own /metrics: read twice, a second apart, in bounded time and memory.

The names are vLLM's (vllm/v1/metrics/loggers.py); older ones of the same thing stand behind. Values of several engines
are added up, and of shares the largest counts.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
import urllib.error
from collections.abc import Callable, Iterable, Mapping

from provision.payload import ask
from provision.payload.posting import Post, over_http, reason

#: Bytes of an answer, and seconds for it: a server of ours says far less.
LONGEST, PATIENCE = 4 * 2**20, 6.0

#: Seconds between the two looks.
APART = 1.0

#: What is told → names of what is added up for it.
SUMS = {
    "running": ("num_requests_running",),
    "waiting": ("num_requests_waiting",),
    "generated": ("generation_tokens_total", "generation_tokens"),
    "read": ("prompt_tokens_total", "prompt_tokens"),
    "first_token_seconds": ("time_to_first_token_seconds_sum",),
    "first_tokens": ("time_to_first_token_seconds_count",),
}
SHARES = {"kv_cache": ("kv_cache_usage_perc", "gpu_cache_usage_perc")}

_LINE = re.compile(r"vllm:(\w+)(?:\{.*\})? ([0-9.eE+-]+)(?: \d+)?\s*\Z")


def main() -> None:
    """Prints `metrics=` with JSON, or with why there are none `metrics.mute=` of a server that does not answer, and
    `metrics.silent=` otherwise."""
    post = over_http(os.environ["URL"], ask._key(), ask._ours, os.environ.get("CERTIFICATE", ""))
    try:
        before, at = looked(post), time.monotonic()
        time.sleep(APART)
        now, seconds = looked(post), time.monotonic() - at
    except urllib.error.HTTPError as error:
        error.close()
        said = "it wants another API key" if error.code in (401, 403) else f"it answers with HTTP {error.code}"
        ask._say(f"metrics.silent={said}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        ask._say(f"metrics.{'mute' if mute(error) else 'silent'}={reason(error)}")
    else:
        ask._say("metrics=" + json.dumps({"seconds": seconds, "before": before, "now": now}))


def mute(error: Exception) -> bool:
    """Whether a server that was connected to has not answered, or nobody could connect."""
    cause = getattr(error, "reason", error)
    return isinstance(cause, (TimeoutError, socket.timeout, ConnectionError))


def looked(post: Post) -> dict[str, float]:
    """One look. Raises HTTPError, OSError, HTTPException, ValueError."""
    until = time.monotonic() + PATIENCE
    parts, size = [], 0
    with post("/metrics", None, PATIENCE) as answer:
        # A byte now and then keeps no timeout of a socket waiting.
        while part := answer.read1(65536):
            parts.append(part)
            size += len(part)
            if size > LONGEST:
                raise ValueError(f"more than {LONGEST >> 20} MiB")
            if time.monotonic() > until:
                raise TimeoutError
    return told(b"".join(parts).decode("utf-8", "replace").splitlines())


def told(lines: Iterable[str]) -> dict[str, float]:
    """What is told of the lines of /metrics; what they do not have is left out."""
    found: dict[str, list[float]] = {}
    for line in lines:
        match = _LINE.match(line)
        if match:
            try:
                found.setdefault(match.group(1), []).append(float(match.group(2)))
            except ValueError:
                continue
    values = {**chosen(found, SUMS, sum), **chosen(found, SHARES, max)}
    return {name: value for name, value in values.items() if 0 <= value < 1e18}


def chosen(
    found: Mapping[str, list[float]], names: Mapping[str, tuple[str, ...]], fold: Callable[[list[float]], float]
) -> dict[str, float]:
    values = {}
    for name, known in names.items():
        numbers = next((found[one] for one in known if one in found), None)
        if numbers:
            values[name] = fold(numbers)
    return values
