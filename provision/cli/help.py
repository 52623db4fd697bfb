"""`help`: the pages of `--help`, by name, and all of them as a manual page."""

from __future__ import annotations

import sys

import click

from provision.cli import completing
from provision.cli.options import example, need_output
from provision.cli.page import COMMANDS, page
from provision.core.errors import UsageError
from provision.core.exits import Exit
from provision.core.wording import did_you_mean


@click.command(
    "help",
    short_help=COMMANDS["help"].help,
    epilog=example("""\
  provision help up
  provision help lab up
  provision help --man | man -l -"""),
)
@click.argument("words", nargs=-1, metavar="[COMMAND...]", shell_complete=completing.commands)
@click.option("--man", is_flag=True, help="Print all pages as one manual page, for `man`.")
def help_(words: tuple[str, ...], man: bool) -> int:
    """Show the page of a command, as COMMAND --help does; without a command the page of all."""
    from provision.cli.group import provision
    from provision.render.out import Out

    need_output()
    if man and words:
        raise UsageError("--man prints the pages of all commands", hint="leave the command out")
    ctx = click.get_current_context().find_root()
    text = page()
    if man:
        from provision.cli.man import man_page

        text = man_page()
    elif words:
        command: click.Command = provision
        for word in words:
            known = command.list_commands(ctx) if isinstance(command, click.Group) else []
            found = command.get_command(ctx, word) if isinstance(command, click.Group) else None
            if found is None:
                meant = did_you_mean(word, known, "; ")
                raise UsageError(f"there is no command `{' '.join(words)}`{meant}", hint="`provision help` lists them")
            command = found
            ctx = command.context_class(command, info_name=word, parent=ctx, **command.context_settings)
        text = command.get_help(ctx)
    Out(sys.stdout).lines(text.splitlines())
    return Exit.DONE
