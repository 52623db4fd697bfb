"""`check`: the same run, and what is made of its findings: shown, remembered, compared, written to files."""

from __future__ import annotations

from collections.abc import Sequence
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
)
from provision.cli.page import COMMANDS
from provision.core.errors import UsageError
from provision.core.finding import AREAS
from provision.core.wording import did_you_mean

if TYPE_CHECKING:
    from provision.core.report import Report

_TESTS = "tests"
_FILE = click.Path(path_type=Path)


@click.command(
    short_help=COMMANDS["check"].help,
    epilog=example("""\
  provision check cluster.yaml
  provision check cluster.yaml --only drivers,gpus --html rack.html
  provision check cluster.yaml --since-up        what is new since it last came up?
  provision check cluster.yaml -q || echo "drift, or worse" """),
)
@click.option(
    "--only",
    metavar="AREAS",
    multiple=True,
    help=f"Check only these areas, separated by commas; repeatable: {', '.join(AREAS)}.  [default: all areas]",
)
@click.option("--all", "everything", is_flag=True, help="Show every fact of every host, not only what differs.")
@deep_option
@click.option(
    "--prove",
    "prove",
    is_flag=True,
    help="Also run the proofs: every port between the hosts, all-reduce over their GPUs, identical weights.",
)
# Its old name, from when there was no proof but the network's.
@click.option("--network", "network", is_flag=True, hidden=True, help="The old name of --prove.")
@skip_option
@wait_option
@click.option(
    "--save", metavar="FILE", type=_FILE, help="Save a snapshot of what was found to FILE, to compare with later."
)
@click.option("--against", metavar="FILE", type=_FILE, help="Show what has changed since the snapshot in FILE.")
@click.option("--since-up", is_flag=True, help="Show what has changed since the last successful `up`.")
@click.option("--tests", metavar="DIR", type=_FILE, help="Also run your own checks (pytest) from DIR.")
@click.option(
    "--junit", metavar="FILE", type=_FILE, help="Write the result to FILE (- is standard output) as JUnit XML, for CI."
)
@html_option
@timings_option
@click.option(
    "--from", "replay", metavar="BUNDLE", type=_FILE, help="Show what `provision bundle` has found. Contacts no host."
)
@run_options
def check(
    only: tuple[str, ...],
    everything: bool,
    deep: bool,
    prove: bool,
    network: bool,
    skip: tuple[str, ...],
    no_wait: bool,
    save: Path | None,
    against: Path | None,
    since_up: bool,
    tests: Path | None,
    junit: Path | None,
    html: Path | None,
    replay: Path | None,
    **options: Any,
) -> int:
    """Report every deviation: host, fact, expected, found, why it matters, and what to do.

    Compares every host with the inventory, with the other hosts, and with what can work at all: drivers, GPUs,
    packages, services, network, storage. A finding blocks (the model cannot run), or is drift (not what the inventory
    says), a warning, or a note. Works on bare, half-built and serving hosts; writes nothing on any host.

    With -q, prints one line for each finding that blocks or is drift. Exit code 0: in sync; 3: a finding blocks or is
    drift, or something has changed since the snapshot; 1: something failed; 2: wrong usage or inventory; 4: a host
    could not be reached; 5: another run is changing the hosts, so that nothing that was found would be true for long.
    """
    from provision import api
    from provision.cli.report_files import on_stdout, require_writable, write_reports
    from provision.cli.run import reported

    asked = RunOptions(**options)
    wishes: dict[str, Any] = {**deeply(deep)}
    asked = replace(asked, aside=on_stdout(junit, html, as_json=asked.as_json))
    for option, path in (("--junit", junit), ("--html", html), ("--save", save)):
        require_writable(option, path)
    if against is not None and since_up:
        raise UsageError("--against and --since-up contradict each other", hint="leave one of them out")
    if areas := chosen_areas(only, tests=tests is not None):
        wishes["areas"] = areas
    if tests is not None:
        from provision.testing.run import require_tests

        require_tests(tests)
        wishes["tests"] = tests
    wishes |= {"against": against} if against is not None else {}
    wishes |= {"save": save} if save is not None else {}
    wishes |= {"since_up": True} if since_up else {}
    wishes |= {"prove": True} if prove or network else {}
    wishes |= waiting(no_wait)
    wishes |= skipped(skip)

    def finish(report: Report, cluster: str) -> Report:
        return write_reports(report, cluster, junit=junit, html=html)

    if replay is not None:
        from provision.cli.replay import replayed_check

        others = [*wishes, *(name for name in ("inventory", "limit", "playbook", "timings") if getattr(asked, name))]
        return replayed_check(replay, asked.screen(), others, finish, everything=everything)
    return reported("check", api.check, asked, everything=everything, finish=finish, **wishes).exit_code


def chosen_areas(only: Sequence[str], *, tests: bool) -> tuple[str, ...]:
    """The areas that `--only` names, in their usual order; none for none. Raises UsageError for one that is not.
    `tests`: there are some, which are wanted whether `--only` names them or not."""
    wanted = [part.strip() for areas in only for part in areas.split(",") if part.strip()]
    listed = f"the areas are {', '.join(AREAS)}"
    if only and not wanted:
        raise UsageError("--only names no area", hint=listed)
    for area in wanted:
        if area not in AREAS:
            meant = did_you_mean(area, AREAS, "; ")
            raise UsageError(f"--only: there is no area `{area}`{meant}", hint=listed)
    if {*wanted} == {_TESTS} and not tests:
        # Nothing would be looked at, and "in sync" said of it.
        raise UsageError(f"--only {_TESTS}: there are none", hint="name their folder with --tests DIR")
    return tuple(area for area in AREAS if area in wanted or (wanted and tests and area == _TESTS))
