"""`lint`: whether inventories, their playbooks and locks are as they must be, from the files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli import completing
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit

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
    that no longer fits; 1: one that cannot be read, or packages that `lock` would refuse.
    """
    from provision.cli.find import find_inventory
    from provision.core.commands import Given
    from provision.library.lint import lint as check_files
    from provision.render.commands import completed_error
    from provision.render.errors import error_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    ends: list[Exit] = []
    paths = [Path(name) for name in files] or [find_inventory(None, os.environ)]
    for path in paths:
        found = check_files(path)
        if found.error is not None:
            completed_error(found.error, Given(str(path)))
        ends.append(found.exit_code)
        screen.json(result_line("lint", {"path": str(path), "exit_code": int(ends[-1]), "error": found.error}))
        if found.error is not None:
            screen.complain(error_lines(found.error, screen.err_paint))
        elif not screen.as_json:
            screen.say(f"{path}: no mistake found")
    return max(ends, key=_WORST.index)
