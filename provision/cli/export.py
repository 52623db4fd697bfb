"""`export`: what `up` would run, as files for whoever has no provision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit

KINDS = ("systemd", "compose", "script", "ansible")


@click.command(
    short_help=COMMANDS["export"].help,
    epilog=example("""\
  provision export systemd cluster.yaml
  provision export script cluster.yaml --out handover"""),
)
@click.argument("kind", type=click.Choice(KINDS), metavar="systemd|compose|script|ansible")
@inventory_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write to, new or of an earlier export.  [default: CLUSTER-KIND]",
)
@click.option("--root", metavar="FOLDER", help="The folder on the hosts, absolute.  [default: the inventory's `root`]")
@click.option(
    "--image",
    metavar="NAME",
    help="The image of the containers, for compose; with it (docker://…, FILE.sif), script runs in Apptainer.",
)
@click.option("--ask", is_flag=True, help="Ask the hosts even where the inventory has every address.")
@click.option("--playbook", metavar="FILE", type=click.Path(path_type=Path), help="Your own playbook, as for `up`.")
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def export(
    kind: str,
    inventory: str | None,
    out: Path | None,
    root: str | None,
    image: str | None,
    ask: bool,
    playbook: Path | None,
    ask_sudo_password: bool,
    **options: Any,
) -> int:
    """Write what `up` would run as files, to be read, handed over, and run without provision.

    One folder per host, with the commands, variables, addresses, ports, order and waits of the plan. No secret is
    written: README.md there says which files have to hold them. Hosts are asked what `plan` asks them, and none if each
    has a `node_ip` in the inventory. Nothing is written on any host.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.run import existing
    from provision.export import gathering
    from provision.export.export import ExportTerms
    from provision.export.writing import write
    from provision.render.export import export_json, export_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    password = prompt() if ask_sudo_password else None
    found = gathering.export(
        loaded, ExportTerms(kind, root or "", image or "", ask), playbook=playbook, sudo_password=password
    )
    folder = out or Path(f"{loaded.cluster}-{kind}")
    write(found.files, folder)
    screen.json(result_line("export", export_json(found, folder)))
    if not screen.as_json:
        screen.say(*export_lines(found, existing(folder)))
    return Exit.DONE
