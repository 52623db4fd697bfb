"""`init`: an inventory to start from."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import click

from provision.cli.find import DEFAULT
from provision.cli.options import example
from provision.cli.page import COMMANDS
from provision.errors import ProvisionError, UsageError

_EXAMPLE = "example.yaml"


@click.command(
    short_help=COMMANDS["init"].help,
    epilog=example("""\
  provision init
  provision init cluster.yaml"""),
)
@click.argument("path", required=False, type=click.Path(path_type=Path), default=DEFAULT, metavar="[PATH]")
def init(path: Path) -> int:
    """Write an example inventory to PATH, for you to edit.

    PATH is ./inventory.yaml if left out. A file that is there already is never overwritten.
    """
    from provision.render.out import Out

    text = files("provision.inventories").joinpath(_EXAMPLE).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"`{path}` exists already", hint="edit it, or name another file") from None
    except OSError as error:
        raise ProvisionError(f"`{path}` cannot be written: {error.strerror}") from None
    Out(sys.stdout).lines(
        [
            f"wrote {path}",
            f"hint: put your hosts in, then run `provision plan{'' if str(path) == DEFAULT else f' {path}'}`",
        ]
    )
    return 0
