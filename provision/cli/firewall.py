"""`firewall`: what has to be let through."""

from __future__ import annotations

import os
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["firewall"].help,
    epilog=example("""\
  provision firewall cluster.yaml
  provision firewall cluster.yaml > rules.nft
  provision firewall cluster.yaml --format ufw"""),
)
@inventory_argument
@click.option(
    "--format",
    "kind",
    default="nftables",
    show_default=True,
    type=click.Choice(["nftables", "ufw"]),
    help="The firewall to print rules for.",
)
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def firewall(inventory: str | None, kind: str, ask_sudo_password: bool, **options: Any) -> int:
    """Print firewall rules that allow what the cluster needs, and nothing else.

    The rules are the same for every host, ready to be loaded there. Asks the hosts for their addresses, unless the
    inventory has a `node_ip` for each; changes nothing.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.run import told
    from provision.render.firewall import FORMATS, firewall_json
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    with told(screen):
        loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
        found = api.firewall(loaded, sudo_password=prompt() if ask_sudo_password else None)
    screen.json(result_line("firewall", firewall_json(found)))
    if not screen.as_json:
        screen.say(*FORMATS[kind](found))
    return Exit.DONE
