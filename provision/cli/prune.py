"""`prune`: what nobody needs any more on the hosts, shown with its sizes, then removed."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import click

from provision.cli.options import RunOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["prune"].help,
    epilog=example("""\
  provision prune cluster.yaml
  provision prune cluster.yaml --yes"""),
)
@inventory_argument
@click.option("-y", "--yes", is_flag=True, help="Remove it without asking.")
@click.option("--limit", metavar="PATTERN", multiple=True, help="Only these hosts, as for `up`.  [default: all hosts]")
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def prune(inventory: str | None, yes: bool, limit: tuple[str, ...], ask_sudo_password: bool, **options: Any) -> int:
    """Remove environments of earlier locks, and what builds that broke off have left, from the hosts.

    Shows first what it would remove, with sizes, and asks on a terminal; without a terminal it goes ahead. What any
    cluster uses stays, and so does what other clusters have built.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.question import agrees, on_a_terminal
    from provision.core.errors import Declined
    from provision.inventory.limit import select
    from provision.render.jsonl import result_line
    from provision.render.out import Out
    from provision.render.prunable import leftover_lines, leftovers_json, size
    from provision.render.text import count

    asked = RunOptions(inventory=inventory, limit=limit, ask_sudo_password=ask_sudo_password, **options)
    screen = asked.screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False, require_files=False)
    only = select(loaded, limit)
    password = prompt() if ask_sudo_password else None
    found = api.prune(loaded, limit=only, sudo_password=password)
    if not screen.as_json:
        screen.say(*leftover_lines(found, screen.paint))
    if found and not yes and on_a_terminal():
        if screen.as_json or screen.quiet:
            Out(sys.stderr).lines(leftover_lines(found))
        if not agrees(f"remove {count(len(found), 'folder')} [y/N]: ", threading.Event()):
            raise Declined("declined: nothing was removed", hint="`--yes` goes on without the question")
    removed = api.prune(loaded, limit=only, sudo_password=password, remove=found) if found else ()
    screen.json(result_line("prune", leftovers_json(removed)))
    if not screen.as_json:
        done = f"removed {count(len(removed), 'folder')}, {size(removed)}" if removed else "nothing to prune"
        screen.say(f"prune: {done} ({count(len(only) or len(loaded.hosts), 'host')})")
    return Exit.DONE
