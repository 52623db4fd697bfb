"""`unlock`: take the hosts from a run that hangs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit

if TYPE_CHECKING:
    from provision.core.lease import Answer


@click.command(
    short_help=COMMANDS["unlock"].help,
    epilog=example("""\
  provision unlock cluster.yaml --why 'the up of ann hangs, and she is away'"""),
)
@inventory_argument
@click.option("--why", metavar="TEXT", required=True, help="What the other run is told, and the hosts' logs say.")
@click.option(
    "--limit",
    metavar="PATTERN",
    multiple=True,
    help="Only these hosts, as for `up`.  [default: all hosts]",
)
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def unlock(inventory: str | None, why: str, limit: tuple[str, ...], ask_sudo_password: bool, **options: Any) -> int:
    """Take the hosts from a run that hangs.

    While `up`, `down` or `check --prove` is at work on a host, others wait. A run that has died, or that has not been
    heard of for a minute, needs no unlocking: the next one takes over by itself. This is for one that is alive and does
    not go on. What it has running on the hosts is ended, and it does nothing more on them; services that it has started
    stay. Then `provision up` continues from there.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.inventory.limit import select
    from provision.render.jsonl import result_line
    from provision.render.leases import unlock_json, unlock_lines

    screen = ShownOptions(**options).screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False, require_files=False)
    password = prompt() if ask_sudo_password else None
    found = api.unlock(loaded, why=why, limit=select(loaded, limit), sudo_password=password)
    screen.json(result_line("unlock", unlock_json(found)))
    if not screen.as_json:
        screen.say(*unlock_lines(found))
    return Exit.FAILED if _kept(found) else Exit.DONE


def _kept(found: Mapping[str, Sequence[Answer]]) -> bool:
    """Whether another run has a host all the same."""
    return any(answer.state in ("stuck", "foreign") for answers in found.values() for answer in answers)
