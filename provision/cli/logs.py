"""`logs`: what all services of all hosts have written, together."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

import click

from provision.cli import completing
from provision.cli.dashes import inventory_first
from provision.cli.options import RunOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.inventory.models import Inventory
    from provision.operate.log_lines import LogLine

#: Lines of each log that are shown where nothing says how many, and before those that are followed.
_LAST, _BEFORE = 100, 10


@click.command(
    short_help=COMMANDS["logs"].help,
    epilog=example("""\
  provision logs cluster.yaml
  provision logs cluster.yaml gpu-02 vllm -f
  provision logs cluster.yaml --since 10m --level warning --kernel"""),
)
@click.argument(
    "words", nargs=-1, metavar="[INVENTORY] [HOST|SERVICE...]", shell_complete=completing.hosts_and_services
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--since", metavar="TIME", help="Only what was written since then: 10m, 2h, 90s, 1d.")
@click.option("--grep", metavar="PATTERN", help="Only lines that have this regular expression.")
@click.option("--level", type=click.Choice(("error", "warning", "info")), help="Only lines of this level, or worse.")
@click.option("-n", "--lines", metavar="N", type=click.IntRange(min=1), help="The last N lines of each log.")
@click.option("--ray", is_flag=True, help="Also the logs of Ray's own processes.")
@click.option("--kernel", is_flag=True, help="Also what the kernels said.")
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def logs(
    words: tuple[str, ...],
    follow: bool,
    since: str | None,
    grep: str | None,
    level: str | None,
    lines: int | None,
    ray: bool,
    kernel: bool,
    ask_sudo_password: bool,
    **options: Any,
) -> int:
    """Show the logs of all services of all hosts on one time line.

    HOST: names, groups, roles, as for `--limit`; SERVICE: `ray`, `vllm`. Times are of this machine's clock: those of
    hosts whose clocks differ are corrected. Secrets are masked. Shows the last 100 lines of each log, or, with --since,
    --grep or --level, what fits of as much of each log as there is room for. Writes nothing on the hosts. Exit code 4:
    a host could not be reached; 2: wrong usage or inventory.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.stoppable import stoppable
    from provision.core.errors import HostError
    from provision.operate import logs as reading
    from provision.render.jsonl import result_line
    from provision.render.logs import LogView, left_out, log_json, nothing_shown

    screen = RunOptions(**options).screen()
    named, words = inventory_first(words)
    loaded = api.load(find_inventory(named, os.environ), require_secrets=False)
    only, services = _meant(loaded, words)
    some = since or grep or level
    asked = reading.LogsAsked(
        services,
        ray=ray,
        kernel=kernel,
        lines=lines or (None if some else _BEFORE if follow else _LAST),
        only=_filter(since, grep, level),
    )
    password = prompt() if ask_sudo_password else None
    hosts = only or tuple(host.name for host in loaded.hosts)
    view = LogView(hosts, screen.paint)

    def show(found: Sequence[LogLine]) -> None:
        for line in found:
            screen.json(result_line("log", log_json(line)))
        if not (screen.as_json or screen.quiet):
            screen.out.lines([view.line(line) for line in found])
        if screen.out.gone:
            stop.cancel.set()

    code: int = Exit.DONE
    with stoppable(said=False) as stop:
        if follow:
            lost = []

            def failed(error: Any) -> None:
                lost.append(error)
                screen.error(error)

            reading.follow(loaded, asked, show, cancel=stop.cancel, limit=only, sudo_password=password, failed=failed)
            errors = tuple(lost)
        else:
            read = reading.logs(loaded, asked, limit=only, cancel=stop.cancel, sudo_password=password)
            show(read.lines)
            if not read.lines:
                failed_on = {error.host for error in read.errors if isinstance(error, HostError)}
                screen.complain(nothing_shown(read.files, [name for name in hosts if name not in failed_on]))
            if asked.lines is None:
                screen.complain(left_out(read.files))
            errors = read.errors
            for error in errors:
                screen.error(error)
    code = max((error.exit_code for error in errors), default=code)
    screen.json(result_line("logs", {"errors": list(errors)}))
    return code if stop.exit_code is None else stop.exit_code


def _meant(inventory: Inventory, words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(hosts, services); no hosts: all. Raises UsageError."""
    from provision.inventory.limit import select
    from provision.operate.logs import SERVICES

    services = tuple(name for name in SERVICES if name in words)
    hosts = [word for word in words if word not in SERVICES]
    return select(inventory, hosts, "HOST") if hosts else (), services or SERVICES


def _filter(since: str | None, grep: str | None, level: str | None) -> Any:
    """Raises UsageError."""
    from provision.core.errors import UsageError
    from provision.operate.log_lines import Filter, seconds_ago

    ago = seconds_ago(since) if since is not None else None
    if since is not None and ago is None:
        raise UsageError(f"--since: `{since}` is no time", hint="write it as 90s, 10m, 2h or 1d")
    try:
        pattern = re.compile(grep) if grep is not None else None
    except re.error as error:
        raise UsageError(f"--grep: `{grep}` is no regular expression: {error}") from None
    return Filter(time.time() - ago if ago is not None else None, pattern, level or "")
