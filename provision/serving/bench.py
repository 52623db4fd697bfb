"""A bounded load on the served model: vLLM's own `vllm bench serve`, run on the head against the head's own server.

From the head, so that what is measured is the cluster and not the way to it. Everything about it has an upper bound:
requests, how many at once, tokens in and out, and the time after which it is ended, with all its processes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from provision.core.errors import HostError, ScriptTimeout, UsageError
from provision.core.events import Event, Note, Progress, heard
from provision.core.script import Fragment, Script, Value, environment
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.payload.ask import EMBEDDING, POOLING
from provision.payload.bundle import bundle, shell
from provision.serving.running import Running
from provision.serving.smoke import ServerSession, Smoke, asked, connected, served

_SCRIPT = ("users.sh", "service/library.sh", "listener.sh", "environment.sh", "bench.sh")


class BenchFailed(HostError):
    """There is no result: `vllm bench serve` ended without one, or was not done in time."""


@dataclass(frozen=True)
class Load:
    """`requests` in all, `concurrency` of them at a time, each of `input_tokens` random tokens and asking for
    `output_tokens`; ended after `deadline` seconds whatever it has reached."""

    requests: int = 32
    concurrency: int = 4
    input_tokens: int = 128
    output_tokens: int = 64
    deadline: float = 300.0


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    mean: float
    median: float
    p99: float


@dataclass(frozen=True)
class Bench:
    """`seconds`: of the load alone. `first`: to the first token; `next`: between a request's tokens after the first;
    `whole`: of a request; None where the model has no tokens to give. `errors`: what failed requests ended with, each
    once, the commonest first."""

    url: str
    model: str
    host: str
    load: Load
    seconds: float
    completed: int
    failed: int
    requests_per_second: float
    input_tokens: int
    output_tokens: int
    output_tokens_per_second: float
    first: Times | None
    next: Times | None
    whole: Times | None
    errors: tuple[str, ...] = ()


def bench(
    inventory: Inventory,
    secrets: Mapping[str, Secret],
    load: Load = Load(),
    *,
    say: Callable[[str], None] = lambda _: None,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Bench:
    """`say` hears how far it is. Raises as `smoke`, since one question is asked beforehand; BenchFailed."""
    if inventory.runtime is not None:
        # It runs as the services' user, who may start no container, and the key comes by a descriptor.
        container = f"provision-{inventory.cluster}-{inventory.head.name}-vllm"
        shell_there = f"`{inventory.runtime.container} exec -it {container} sh` on {inventory.head.name}"
        raise UsageError("`provision bench` starts no container", hint=f"{shell_there} leads to `vllm bench serve`")
    with connected(inventory, secrets, cancel=cancel, sudo_password=sudo_password) as transport:
        there = served(transport, inventory, secrets)
        first = asked(inventory, there, load.deadline)
        say(f"{first.url} answers; {load.requests} requests, {load.concurrency} at a time")
        host = inventory.head.name
        # What the server was given, its libraries want here as well: a model hub's token, a cache's place.
        given: dict[str, str | Secret] = {**inventory.head.env, **secrets}
        given |= inventory.serve.env if inventory.serve else {}
        script = load_script(there, first, load, given)

        def told(event: Event) -> None:
            if isinstance(event, (Progress, Note)):
                say(event.text)

        try:
            (fragment,) = there.session.run([script], on_line=lambda _, stream, line: heard(host, stream, line, told))
        except ScriptTimeout:
            message = f"not done after {load.deadline:g} s; it was ended"
            raise BenchFailed(
                host, message, hint="ask for fewer --requests or --output-tokens, or raise --deadline"
            ) from None
        return result(fragment, first, load)


def load_script(there: ServerSession, first: Smoke, load: Load, given: Mapping[str, str | Secret]) -> Script:
    """`given`: the environment that it has there."""
    running = there.running
    words = arguments(running, first, load)
    variables: dict[str, Value] = {
        "python": running.python,
        "begin": bundle("bench_start:main"),
        "program": bundle("bench_result:main"),
        "certificate": running.certificate,
        "api_key": there.key or "",
        "mark": running.mark,
        "pid": running.pid,
        "user": running.user,
        "home": running.home,
        "address": running.address,
        "port": running.port,
        **environment(given),
        **{f"arg_{index}": word for index, word in enumerate(words)},
        "args": len(words),
    }
    return Script(shell(*_SCRIPT), variables, timeout=load.deadline, optional=True)


def arguments(running: Running, first: Smoke, load: Load) -> list[str]:
    """Of `vllm bench serve`."""
    vectors = first.answer.kind in (EMBEDDING, POOLING)
    flags = {
        "backend": "openai-embeddings" if vectors else "openai",
        "endpoint": "/v1/embeddings" if vectors else "/v1/completions",
        "base-url": running.url,
        "model": running.model,
        "tokenizer": running.flags.get("--tokenizer", running.source),
        "dataset-name": "random",
        "random-input-len": load.input_tokens,
        "random-output-len": load.output_tokens,
        "num-prompts": load.requests,
        "max-concurrency": load.concurrency,
        "percentile-metrics": "e2el" if vectors else "ttft,tpot,e2el",
        "metric-percentiles": "99",
    }
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    if mode := running.flags.get("--tokenizer-mode"):
        words += ["--tokenizer-mode", mode]
    if "--trust-remote-code" in running.flags:
        words.append("--trust-remote-code")
    # A model that ends its answers early would measure its eloquence.
    return [*words, "--ignore-eos", "--disable-tqdm", "--save-result", "--save-detailed"]


def result(fragment: Fragment, first: Smoke, load: Load) -> Bench:
    """Raises BenchFailed."""
    found = [line for line in fragment.stdout.splitlines() if line.startswith("result=")]
    if not fragment.ok or not found:
        message = f"`vllm bench serve` ended with exit code {fragment.rc}"
        raise BenchFailed(first.host, message, evidence=fragment.tail(), hint="provision smoke")
    try:
        return _told(json.loads(found[-1].removeprefix("result=")), first, load)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        # It comes of a process of the server's user.
        message = "what `vllm bench serve` wrote of its load cannot be read"
        raise BenchFailed(first.host, message, hint="provision smoke") from None


def _told(values: Mapping[str, Any], first: Smoke, load: Load) -> Bench:
    completed = int(values["completed"])
    return Bench(
        url=first.url,
        model=first.model,
        host=first.host,
        load=load,
        seconds=float(values["duration"]),
        completed=completed,
        # Of embeddings it counts those alone that succeeded.
        failed=int(values.get("failed", load.requests - completed)),
        requests_per_second=float(values["request_throughput"]),
        input_tokens=int(values["total_input_tokens"]),
        output_tokens=int(values.get("total_output_tokens", 0)),
        output_tokens_per_second=float(values.get("output_throughput", 0.0)),
        first=_times(values, "ttft"),
        next=_times(values, "tpot"),
        whole=_times(values, "e2el"),
        errors=tuple(str(error)[:300] for error in list(values["errors"])[:5]),
    )


def _times(values: Mapping[str, Any], metric: str) -> Times | None:
    found = [values.get(f"{part}_{metric}_ms") for part in ("mean", "median", "p99")]
    return None if None in found else Times(*(float(value) for value in found if value is not None))
