"""`import`: an inventory from what a compose guide keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    "import",
    short_help=COMMANDS["import"].help,
    epilog=example("""\
  provision import node1/.env node2/.env --worker 10.0.0.2
  provision import .env docker-compose.yaml --out cluster.yaml"""),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("inventory.yaml"),
    metavar="FILE",
    show_default=True,
    help="The inventory to write; one that is there is never overwritten.",
)
@click.option("--cluster", metavar="NAME", help="What the cluster is called.  [default: the folder's name]")
@click.option("--head", metavar="ADDRESS", help="The head's address, where no file has it.")
@click.option("--worker", "workers", metavar="ADDRESS", multiple=True, help="A worker's address; one for each.")
@shown_options
def import_compose(
    files: tuple[Path, ...],
    out: Path,
    cluster: str | None,
    head: str | None,
    workers: tuple[str, ...],
    **options: Any,
) -> int:
    """Write an inventory from the files of a compose guide: `.env` files, compose files, or both.

    Says which variable became which setting, and line by line what did not, and why. No secret's value is copied: the
    inventory names the variable that has it. No host is contacted.
    """
    from provision.cli.run import existing
    from provision.inventory.compose_import import imported
    from provision.library.init import cluster_here
    from provision.library.new_file import write_new
    from provision.render.imported import import_json, import_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    made = imported(files, cluster=cluster or cluster_here(), head=head or "", workers=workers)
    write_new(out, made.text, "name another file: `--out FILE`")
    screen.json(result_line("import", import_json(made, out)))
    if not screen.as_json:
        screen.say(*import_lines(made, existing(out)))
    return Exit.DONE
