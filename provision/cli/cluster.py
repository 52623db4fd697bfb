"""`up`, `plan` and `down`: the same run with different options. So is `check`, which has its own file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import (
    RunOptions,
    deep_option,
    deeply,
    example,
    html_option,
    run_options,
    skip_option,
    skipped,
    timings_option,
    wait_option,
    waiting,
    yes_option,
)
from provision.cli.page import COMMANDS

if TYPE_CHECKING:
    from provision.core.report import Report


@click.command(
    short_help=COMMANDS["up"].help,
    epilog=example("""\
  provision up cluster.yaml
  provision up cluster.yaml --limit 'gpu-0[1-4],head' -v
  provision up cluster.yaml --timings --html up.html   where did the time go?"""),
)
@deep_option
@skip_option
@wait_option
@yes_option
@click.option(
    "--plan",
    "planned",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Do what this file of `plan --out` says; refuse if what it was made from has changed.",
)
@click.option(
    "--rollback-on-failure", is_flag=True, help="If a new start fails, start again what the model served with before."
)
@html_option
@timings_option
@run_options
def up(
    deep: bool,
    skip: tuple[str, ...],
    no_wait: bool,
    yes: bool,
    planned: Path | None,
    rollback_on_failure: bool,
    html: Path | None,
    **options: Any,
) -> int:
    """Bring the hosts to the state that the inventory describes.

    Checks every host first, and changes nothing on any host if one of them does not meet the inventory's expectations
    (wrong driver, too few GPUs). Then changes what differs, on all hosts in parallel, and verifies each change. Run it
    as often as you like: what already matches is left alone.
    """
    from provision import api
    from provision.cli.report_files import on_stdout, require_writable, write_reports
    from provision.cli.run import run

    asked = RunOptions(**options)
    asked = replace(asked, aside=on_stdout(html, as_json=asked.as_json))
    require_writable("--html", html)
    wishes: dict[str, Any] = {**deeply(deep), **skipped(skip), **waiting(no_wait)}
    wishes |= {"planned": planned} if planned else {}
    wishes |= {"go_back": True} if rollback_on_failure else {}

    def finish(report: Report, cluster: str) -> Report:
        return write_reports(report, cluster, html=html)

    return run("up", api.up, asked, ask=not yes, finish=finish, **wishes)


@click.command(
    short_help=COMMANDS["plan"].help,
    epilog=example("""\
  provision plan cluster.yaml
  provision plan cluster.yaml --json | tail -n 1 | jq .report.plan.changes"""),
)
@deep_option
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Also write the plan to a file, for `up --plan`."
)
@timings_option
@run_options
def plan(deep: bool, out: Path | None, **options: Any) -> int:
    """Show what `up` would change, and why.

    Each line is one change: + create, ~ update (before → after), - remove, and ! for what blocks `up`.
    Writes nothing on any host. Exit code 3 if there is something to do.
    """
    from provision import api
    from provision.cli.run import run

    wishes: dict[str, Any] = {**deeply(deep), **({"out": out} if out else {})}
    return run("plan", api.plan, RunOptions(**options), **wishes)


@click.command(
    short_help=COMMANDS["down"].help,
    epilog=example("""\
  provision down cluster.yaml
  provision down cluster.yaml --purge"""),
)
@click.option("--purge", is_flag=True, help="Also remove the environments from the hosts.")
@wait_option
@yes_option
@timings_option
@run_options
def down(purge: bool, no_wait: bool, yes: bool, **options: Any) -> int:
    """Stop what `up` started, in reverse order, and nothing else.

    Verifies that its processes have ended and its ports are free. Safe to repeat.
    """
    from provision import api
    from provision.cli.run import run

    wishes: dict[str, Any] = {"purge": purge, **waiting(no_wait)}
    return run("down", api.down, RunOptions(**options), secrets=False, ask=not yes, **wishes)
