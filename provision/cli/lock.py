"""`lock`: pin the environment before anything is installed."""

from __future__ import annotations

import os
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["lock"].help,
    epilog=example("""\
  provision lock cluster.yaml              writes cluster.lock
  provision lock cluster.yaml --upgrade"""),
)
@inventory_argument
@click.option(
    "--upgrade", is_flag=True, help="Move to the newest versions that fit, instead of keeping the locked ones."
)
@shown_options
def lock(inventory: str | None, upgrade: bool, **options: Any) -> int:
    """Pin the environment to exact versions, with hashes.

    Writes `<name>.lock` beside the inventory; keep both in version control. `up` does this once if it is missing.
    Contacts the package index, and no host.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.run import errors_as_json, existing, watched
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    with errors_as_json(screen):
        loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
        with watched(screen, "lock", loaded.cluster, cancels=False) as watch:
            path = api.lock(loaded, upgrade=upgrade, listener=watch.listener)
    screen.json(result_line("lock", {"path": path}))
    if not screen.as_json:
        screen.say(f"wrote {existing(path)}")
    return Exit.DONE
