"""`init`: an inventory to start from."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.cli.find import DEFAULT
from provision.cli.options import example, need_output
from provision.cli.page import COMMANDS
from provision.core.errors import ProvisionError, UsageError
from provision.core.exits import Exit

if TYPE_CHECKING:
    from importlib.abc import Traversable

_FOLDER = "provision.inventories"


@click.command(
    short_help=COMMANDS["init"].help,
    epilog=example("""\
  provision init
  provision init rack.yaml --example offline-rack"""),
)
@click.argument("path", required=False, type=click.Path(path_type=Path), default=DEFAULT, metavar="[PATH]")
@click.option("--example", "name", metavar="NAME", default="two-nodes", show_default=True, help="The example to write.")
def init(path: Path, name: str) -> int:
    """Write an example inventory to PATH, for you to edit.

    PATH is ./inventory.yaml if left out. A file that is there already is never overwritten.
    """
    from provision.render.out import Out

    need_output()
    text = _read(name)
    try:
        with path.open("x", encoding="utf-8") as file, _whole(path):
            file.write(text)
            file.flush()
    except FileExistsError:
        raise UsageError(f"`{path}` exists already", hint="edit it, or name another file") from None
    except OSError as error:
        raise ProvisionError(f"`{path}` cannot be written: {error.strerror}") from None
    then = shlex.join(["provision", "plan", *([] if str(path) == DEFAULT else [str(path)])])
    Out(sys.stdout).lines([f"wrote {path}", f"hint: put your hosts in, then run `{then}`"])
    return Exit.DONE


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """A full disk leaves nothing that the next `init` would take for an inventory of yours."""
    try:
        yield
    except OSError:
        path.unlink()
        raise


def _read(name: str) -> str:
    try:
        folder: Traversable = files(_FOLDER)
    except ModuleNotFoundError:  # a checkout that is not installed
        folder = Path(__file__).parents[2] / "inventories"
    found = {p.name.removesuffix(".yaml"): p for p in folder.iterdir() if p.name.endswith(".yaml")}
    if name not in found:
        raise UsageError(f"there is no example `{name}`", hint=f"the examples are {', '.join(sorted(found))}")
    return found[name].read_text(encoding="utf-8")
