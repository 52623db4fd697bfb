"""`ray`: Ray's own command line, where it works."""

from __future__ import annotations

from typing import Any

import click

from provision.cli import completing
from provision.cli.dashes import WithCommand, behind_dashes, inventory_first
from provision.cli.options import RunOptions, example, shown_options
from provision.cli.page import COMMANDS


@click.command(
    cls=WithCommand,
    short_help=COMMANDS["ray"].help,
    epilog=example("""\
  provision ray cluster.yaml -- status
  provision ray cluster.yaml -- list actors"""),
)
@click.argument("words", nargs=-1, metavar="[INVENTORY]", shell_complete=completing.inventories)
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the head's sudo password.")
@shown_options
def ray(words: tuple[str, ...], ask_sudo_password: bool, **options: Any) -> int:
    """Run Ray's own command on the head, in the cluster's environment, with its address and its token.

    Behind `--` stands what you would type behind `ray`. Exit code 0: it ended with 0; 1: it did not; 4: the head could
    not be reached.
    """
    from provision.cli.commands import on_hosts, shown
    from provision.core.errors import UsageError

    named, more = inventory_first(words)
    asked = RunOptions(inventory=named, ask_sudo_password=ask_sudo_password, **options)
    screen = asked.screen()
    command = ("ray", *behind_dashes())
    if more or not command[1:]:
        raise UsageError("Ray's own command stands behind `--`", hint="provision ray cluster.yaml -- status")
    ran = on_hosts(screen, asked, command, head=True, within=True)
    return shown(screen, "ray", command, ran)
