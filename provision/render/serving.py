"""What the served model answered, and how fast under a small load: for people, and as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from provision.render.text import clean, count, cut, duration, table
from provision.serving.bench import Bench
from provision.serving.smoke import Smoke

_LONGEST_ANSWER = 300


def smoke_lines(smoke: Smoke) -> list[str]:
    text = cut(clean(smoke.answer.text), _LONGEST_ANSWER)
    return [f"{smoke.model} at {smoke.url}/v1", f"  {smoke.sentence}", *([f"  {text}"] if text else [])]


def smoke_json(smoke: Smoke) -> Mapping[str, object]:
    return {name: value for name, value in asdict(smoke).items() if name != "answer"} | asdict(smoke.answer)


def bench_lines(bench: Bench) -> list[str]:
    load = bench.load
    lines = [
        f"{bench.model} at {bench.url}/v1: {bench.completed} of {count(load.requests, 'request')} answered "
        f"in {duration(bench.seconds)}, {load.concurrency} at a time",
        f"  {bench.requests_per_second:.2f} requests/s, {bench.output_tokens_per_second:.0f} tokens/s "
        f"({bench.input_tokens} tokens in, {bench.output_tokens} out), {count(bench.failed, 'error')}",
    ]
    times = {"to the first token": bench.first, "between tokens": bench.next, "whole request": bench.whole}
    rows: list[tuple[str, ...]] = [("", "mean", "median", "p99")]
    rows += [(name, _ms(t.mean), _ms(t.median), _ms(t.p99)) for name, t in times.items() if t is not None]
    return [*lines, "", *("  " + "  ".join(cells) for cells in table(rows, right=frozenset((1, 2, 3))))]


def bench_json(bench: Bench) -> Mapping[str, object]:
    return asdict(bench)


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
