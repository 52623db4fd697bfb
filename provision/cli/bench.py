"""`bench`: a bounded load on the served model."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.options import Seconds, example
from provision.cli.page import COMMANDS
from provision.cli.serving import HeadOptions, head_options, of_head
from provision.core.exits import Exit

_COUNT = click.IntRange(min=1)


@click.command(
    short_help=COMMANDS["bench"].help,
    epilog=example("""\
  provision bench cluster.yaml
  provision bench cluster.yaml --requests 200 --concurrency 16 --json | tail -n 1"""),
)
@click.option("--requests", default=32, show_default=True, type=_COUNT, help="Number of requests.")
@click.option("--concurrency", default=4, show_default=True, type=_COUNT, help="Requests in flight at a time.")
@click.option("--input-tokens", default=128, show_default=True, type=_COUNT, help="Random input tokens per request.")
@click.option("--output-tokens", default=64, show_default=True, type=_COUNT, help="Tokens to generate per request.")
@click.option(
    "--deadline",
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    type=Seconds(1),
    help="Stop the load after this time, finished or not.",
)
@head_options
def bench(
    requests: int, concurrency: int, input_tokens: int, output_tokens: int, deadline: float, **options: Any
) -> int:
    """Put a small load on the served model, and time its answers.

    Runs vLLM's own `vllm bench serve` on the head, only against the server that `up` started. Reports time to first
    token, tokens per second, and failed requests. Exit code 1 if a request failed.
    """
    from provision import api
    from provision.render.jsonl import result_line
    from provision.render.serving import bench_json, bench_lines
    from provision.serving.bench import Load

    asked = HeadOptions(**options)
    load = Load(requests, concurrency, input_tokens, output_tokens, deadline)
    seen = of_head("bench", api.bench, asked, load=load)
    screen = asked.screen()
    screen.json(result_line("bench", bench_json(seen)))
    if not screen.as_json:
        screen.say(*bench_lines(seen))
    if seen.failed:
        screen.complain(
            [f"error: {seen.failed} of {seen.load.requests} requests failed", *(f"  {e}" for e in seen.errors)]
        )
    return Exit.FAILED if seen.failed else Exit.DONE
