"""What one test did on one host, as a line of JSON: how a pytest session tells `provision check` of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from enum import Enum

from provision.core.values import dataclass


class Outcome(Enum):
    """`error`: what a test stands on failed, before or after it. `closed`: its host cannot be reached, or lets nothing
    run. `uncollected`: a file of tests that does not load."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    CLOSED = "closed"
    UNCOLLECTED = "uncollected"


@dataclass(frozen=True)
class Result:
    """`id`: as pytest takes it, relative to the folder of the tests. `test`: the same without the host; `host` is
    empty for a test that asked for none."""

    outcome: Outcome
    id: str
    test: str
    host: str = ""
    message: str = ""
    evidence: tuple[str, ...] = ()
    hint: str = ""


def dumps(result: Result) -> str:
    return json.dumps({**asdict(result), "outcome": result.outcome.value})


def loads(text: str) -> tuple[Result, ...]:
    """Of the whole file. A last line without an end is left out: the session was killed while it wrote it."""
    whole, _, _ = text.rpartition("\n")
    return tuple(_result(json.loads(line)) for line in whole.splitlines())


def _result(values: dict[str, object]) -> Result:
    evidence = values["evidence"]
    lines = tuple(map(str, evidence)) if isinstance(evidence, list) else ()
    texts = {name: str(values[name]) for name in ("id", "test", "host", "message", "hint")}
    return Result(Outcome(values["outcome"]), evidence=lines, **texts)


def without_host(identifier: str, host: str) -> str:
    """`test_cores[gpu-01-8]` → `test_cores[8]`, wherever among the parameters the host stands."""
    name, bracket, rest = identifier.partition("[")
    if not bracket or not host:
        return identifier
    others = _without(rest.removesuffix("]"), host)
    return f"{name}[{others}]" if others else name


def _without(parameters: str, host: str) -> str:
    if parameters == host:
        return ""
    if parameters.startswith(f"{host}-"):
        return parameters.removeprefix(f"{host}-")
    if parameters.endswith(f"-{host}"):
        return parameters.removesuffix(f"-{host}")
    return parameters.replace(f"-{host}-", "-", 1)


def first_line(lines: Iterable[str]) -> str:
    """Of an error's message, as short as a cell of a table."""
    text = next((line.strip() for line in lines if line.strip()), "")
    return text.removeprefix("AssertionError: ")
