"""`lint`: whether inventories, their playbooks and locks are as they must be, from the files alone."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli import completing
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.errors import PlaybookError, ProvisionError
from provision.core.exits import Exit

if TYPE_CHECKING:
    from provision.inventory.models import Inventory

#: What a file comes to, the worst last.
_WORST = (Exit.DONE, Exit.NO, Exit.FAILED, Exit.USAGE)


@click.command(
    short_help=COMMANDS["lint"].help,
    epilog=example("""\
  provision lint
  provision lint racks/*.yaml --json"""),
)
@click.argument("files", nargs=-1, metavar="[INVENTORY...]", shell_complete=completing.inventories)
@shown_options
def lint(files: tuple[str, ...], **options: Any) -> int:
    """Check inventories without their hosts: the file itself, its playbook's syntax, and whether its lock still fits.

    For a commit or a pull request from somebody else: contacts nothing, runs no playbook, reads no secret. A lock that
    there is not yet is no mistake, since `up` makes it. Exit code 2: a mistake in an inventory or playbook; 3: a lock
    that no longer fits; 1: one that cannot be read.
    """
    from provision.cli.find import find_inventory
    from provision.cli.run import errors_as_json
    from provision.render.errors import error_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    ends: list[Exit] = []
    with errors_as_json(screen):
        paths = [Path(name) for name in files] or [find_inventory(None, os.environ)]
    for path in paths:
        problem = _problem(path)
        ends.append(_end(problem))
        screen.json(result_line("lint", {"path": str(path), "exit_code": int(ends[-1]), "error": problem}))
        if problem is not None:
            screen.complain(error_lines(problem, screen.err_paint))
        elif not screen.as_json:
            screen.say(f"{path}: no mistake found")
    return max(ends, key=_WORST.index)


def _end(problem: ProvisionError | None) -> Exit:
    from provision.environment.lockfile import LockStale

    if problem is None:
        return Exit.DONE
    return Exit.NO if isinstance(problem, LockStale) else problem.exit_code


def _problem(path: Path) -> ProvisionError | None:
    from provision import api

    try:
        loaded = api.load(path, require_secrets=False)
        if loaded.playbook is not None:
            _parse_playbook(loaded.playbook)
        _read_lock(loaded)
    except ProvisionError as error:
        return error
    return None


def _parse_playbook(path: Path) -> None:
    """Reads it and does not run it. Raises PlaybookError."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise PlaybookError(f"the playbook `{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PlaybookError(f"the playbook `{path}` is no Python{line}: {said}") from None
    for node in ast.walk(tree):
        named = getattr(node, "name", "") if not isinstance(node, ast.alias) else node.asname or node.name
        if named in ("playbook", "*") or (isinstance(node, ast.Name) and node.id == "playbook"):
            return
    raise PlaybookError(
        f"the playbook `{path}` has no function `playbook`", hint="add `def playbook(cluster: Cluster) -> Playbook:`"
    )


def _read_lock(loaded: Inventory) -> None:
    """Raises LockError if there is one and it does not fit, or cannot be read."""
    from provision.environment.lockfile import LockMissing, LockStale, read_lock
    from provision.environment.locks import lock_of

    if loaded.runtime is None:
        try:
            read_lock(loaded.lock_path, loaded.python, base=loaded.path.parent)
        except LockMissing:
            return
    elif loaded.lock_path.exists():
        found = lock_of(loaded, make=False, say=lambda _: None)
        if found.stale:
            raise LockStale(found)
