"""`status`: one look at the cluster, once or again and again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli.options import RunOptions, Seconds, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS


@click.command(
    short_help=COMMANDS["status"].help,
    epilog=example("""\
  provision status cluster.yaml
  provision status cluster.yaml --watch
  provision status cluster.yaml --json | jq '.hosts[] | {host, gpus: (.gpus | length)}'"""),
)
@inventory_argument
@click.option("-w", "--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--interval",
    metavar="SECONDS",
    default=2.0,
    show_default=True,
    type=Seconds(0.5),
    help="How long to wait between two looks.",
)
@click.option(
    "--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Also write it as one page."
)
@click.option("--limit", metavar="PATTERN", multiple=True, help="Only these hosts, as for `up`.  [default: all hosts]")
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def status(
    inventory: str | None,
    watch: bool,
    interval: float,
    html: Path | None,
    limit: tuple[str, ...],
    ask_sudo_password: bool,
    **options: Any,
) -> int:
    """Show how the cluster is, in one look: hosts, GPUs, Ray, the model and what it is doing, and who is at work there.

    One round trip to each host, and nothing is written there. What was not looked at, or is not known, is said to be
    so. Exit code 0: all that was looked at is well; 3: it is not; 4: a host could not be reached; 5: another run is at
    work on the hosts; 1: a host could not be asked; 2: wrong usage or inventory.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.report_files import require_writable
    from provision.cli.stoppable import stoppable
    from provision.cli.watching import Watching
    from provision.inventory.limit import select
    from provision.operate.looking import looker

    asked = RunOptions(inventory=inventory, limit=limit, ask_sudo_password=ask_sudo_password, **options)
    screen = asked.screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    only = select(loaded, limit)
    password = prompt() if ask_sudo_password else None
    require_writable("--html", html)
    showing = Watching(screen, html, watch=watch)
    with (
        stoppable(said=False, cursor=showing.live) as stop,
        looker(loaded, limit=only, cancel=stop.cancel, sudo_password=password) as looking,
        showing.view(),
    ):
        code = showing.show(looking.look())
        while watch and not stop.cancel.wait(interval):
            code = showing.show(looking.look())
    return code if stop.exit_code is None else stop.exit_code
