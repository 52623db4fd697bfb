"""What a bounded load showed, for people."""

from __future__ import annotations

from provision.render.text import count, duration, table
from provision.serving.bench import Bench


def bench_lines(bench: Bench) -> list[str]:
    load = bench.load
    lines = [
        f"{bench.model} at {bench.url}/v1: {count(bench.completed, 'request')} of {load.requests} answered "
        f"in {duration(bench.seconds)}, {load.concurrency} at a time",
        f"  {bench.requests_per_second:.2f} requests/s, {bench.output_tokens_per_second:.0f} tokens/s "
        f"({bench.input_tokens} tokens in, {bench.output_tokens} out)",
    ]
    times = {"to the first token": bench.first, "between tokens": bench.next, "whole request": bench.whole}
    rows: list[tuple[str, ...]] = [("", "mean", "median", "p99")]
    rows += [(name, _ms(t.mean), _ms(t.median), _ms(t.p99)) for name, t in times.items() if t is not None]
    return [*lines, "", *("  " + "  ".join(cells) for cells in table(rows, right=frozenset((1, 2, 3))))]


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
