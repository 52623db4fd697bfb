"""`schema`: what an editor needs to complete and check an inventory while it is written."""

from __future__ import annotations

import json
import sys

import click

from provision.cli.options import example
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["schema"].help,
    epilog=example("""\
  provision schema > inventory.schema.json
  # first line of inventory.yaml, for editors that use yaml-language-server:
  # yaml-language-server: $schema=inventory.schema.json"""),
)
def schema() -> int:
    """Print the JSON Schema of the inventory, for your editor."""
    from provision.inventory import json_schema
    from provision.render.out import Out

    Out(sys.stdout).line(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return Exit.DONE
