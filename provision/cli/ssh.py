"""`ssh`: a login, by OpenSSH's client, to where and as whom the inventory says."""

from __future__ import annotations

import os
from typing import Any

import click

from provision.cli import completing
from provision.cli.dashes import WithCommand, behind_dashes, inventory_and_host
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS


@click.command(
    cls=WithCommand,
    short_help=COMMANDS["ssh"].help,
    epilog=example("""\
  provision ssh cluster.yaml gpu-02
  provision ssh cluster.yaml head -- tail -f /var/log/syslog"""),
)
@click.argument("words", nargs=-1, metavar="[INVENTORY] HOST", shell_complete=completing.host)
@shown_options
def ssh(words: tuple[str, ...], **options: Any) -> int:
    """Log in to a host with OpenSSH's client: with the user, port, key and jump hosts of the inventory and ssh_config.

    The host's key must be the one in the inventory, or on record. Settings of ssh_config that say nothing of these do
    not count. `--json` prints the command instead. Exit code: of OpenSSH's client; 2: wrong usage or inventory.
    """
    from provision import api
    from provision.cli.become import become
    from provision.cli.find import find_inventory
    from provision.operate.login import ssh_command

    screen = ShownOptions(**options).screen()
    inventory, host = inventory_and_host(words)
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    return become(screen, "ssh", ssh_command(loaded, host, behind_dashes()))
