"""`env`: a shell on a host within the cluster's environment."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from provision.cli import completing
from provision.cli.dashes import WithCommand, behind_dashes, inventory_and_host
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS


@click.command(
    cls=WithCommand,
    short_help=COMMANDS["env"].help,
    epilog=example("""\
  provision env cluster.yaml head
  provision env cluster.yaml gpu-02 -- ray status"""),
)
@click.argument("words", nargs=-1, metavar="[INVENTORY] HOST", shell_complete=completing.host)
@shown_options
def env(words: tuple[str, ...], **options: Any) -> int:
    """Open a shell on a host in which `ray`, `vllm` and `python` are those of the cluster, and Ray lets them in.

    Behind `--` may stand a command to run in there instead. The token of the cluster stays in its file on the host,
    which RAY_AUTH_TOKEN_PATH names. With `sudo` in the inventory it belongs to the user who the services run as, and so
    does the shell. `--json` prints the command instead. Exit code: of OpenSSH's client; 2: wrong usage or inventory.
    """
    from provision import api
    from provision.cli.become import become
    from provision.cli.find import find_inventory
    from provision.operate.login import env_command

    screen = ShownOptions(**options).screen()
    inventory, host = inventory_and_host(words)
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    command = behind_dashes()
    terminal = not command or sys.stdin.isatty()
    return become(screen, "env", env_command(loaded, host, command, terminal=terminal))
