"""`bundle`: what a ticket needs, in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli.options import RunOptions, example, run_options
from provision.cli.page import COMMANDS


@click.command(
    short_help=COMMANDS["bundle"].help,
    epilog=example("""\
  provision bundle cluster.yaml
  provision bundle cluster.yaml --out ticket-42.tar.gz
  provision explain ticket-42.tar.gz
  provision check --from ticket-42.tar.gz"""),
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write, a new one.  [default: CLUSTER-YYYYMMDD-HHMMSS.tar.gz]",
)
@run_options
def bundle(out: Path | None, **options: Any) -> int:
    """Write what a ticket needs to one file: inventory, lock, facts, versions, plan, status, the ends of all logs, and
    what `check` says.

    Secrets are masked in all of it, and their values in the inventory are never read into it. What is in the file is
    listed on standard error before it is written, with mode 0600, and never over another file. Nothing is written on
    any host. `explain` and `check --from` read the file without any host.

    Exit code 0: all of it is there; 4: a host could not be reached; 1: something else could not be asked. The file is
    written all the same, and says what is missing. 2: wrong usage or inventory, or the file exists.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password
    from provision.cli.run import existing
    from provision.cli.stoppable import stoppable
    from provision.inventory.limit import select
    from provision.library.bundle import bundle as make
    from provision.operate.packing import require_new
    from provision.render.bundle import listing_lines
    from provision.render.jsonl import result_line

    asked = RunOptions(**options)
    screen = asked.screen()

    def say(what: str) -> None:
        if not screen.quiet:
            screen.complain([f"asking: {what}"])

    loaded = api.load(find_inventory(asked.inventory, os.environ), require_secrets=False, require_files=False)
    only = select(loaded, asked.limit)
    if out is not None:
        require_new(out)
    password = ask_sudo_password() if asked.ask_sudo_password else None
    with stoppable() as stop:
        made = make(
            loaded,
            out,
            limit=only,
            playbook=asked.playbook,
            say=say,
            before=lambda path, sizes: screen.complain([f"{existing(path)} gets:", *listing_lines(sizes)]),
            cancel=stop.cancel,
            sudo_password=password,
        )
    for error in made.failed:
        screen.error(error)
    found = {"file": str(made.path), "bytes": made.bytes, "files": made.files, "errors": list(made.errors)}
    screen.json(result_line("bundle", {**found, "exit_code": made.exit_code}))
    if not screen.as_json:
        screen.say(f"wrote {existing(made.path)} ({made.bytes / 1024:.1f} KiB)")
    return made.exit_code
