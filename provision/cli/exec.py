"""`exec`: a command of one's own on the hosts."""

from __future__ import annotations

import math
from typing import Any

import click

from provision.cli.dashes import WithCommand, behind_dashes
from provision.cli.options import RunOptions, Seconds, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS


@click.command(
    "exec",
    cls=WithCommand,
    short_help=COMMANDS["exec"].help,
    epilog=example("""\
  provision exec cluster.yaml -- nvidia-smi -L
  provision exec cluster.yaml --limit worker -- 'df -h / | tail -n 1'"""),
)
@inventory_argument
@click.option("--limit", metavar="PATTERN", multiple=True, help="Only these hosts, as for `up`.  [default: all hosts]")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Seconds(1),
    help="End it on a host after so long.  [default: never]",
)
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def exec_(
    inventory: str | None,
    limit: tuple[str, ...],
    timeout: float | None,
    ask_sudo_password: bool,
    **options: Any,
) -> int:
    """Run a command on all hosts at once, and show what each prints.

    Behind `--`, one word is a line for the shell, several are a program and its arguments. With `sudo` in the inventory
    root runs it. Ctrl-C ends it on every host. Exit code 0: it ended with 0 everywhere; 1: it did not, on some host; 4:
    a host could not be reached.
    """
    from provision.cli.commands import on_hosts, shown

    asked = RunOptions(inventory=inventory, limit=limit, ask_sudo_password=ask_sudo_password, **options)
    screen = asked.screen()
    words = behind_dashes()
    ran = on_hosts(screen, asked, words, timeout=math.inf if timeout is None else timeout)
    return shown(screen, "exec", words, ran)
