"""The click group `provision`: loads a command when it is called for, and turns every ending into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from provision.cli.asks_json import asks_json
from provision.cli.context import in_context
from provision.cli.exit_code import exit_code_of
from provision.cli.page import COMMANDS, page
from provision.cli.version import version_line
from provision.core.exits import Exit
from provision.core.wording import did_you_mean


class Lazy(click.Group):
    """Knows its commands by name; their modules are imported when one is called."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].place.split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return in_context(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            meant = did_you_mean(args[0], COMMANDS, "; ")
            raise click.UsageError(f"there is no command `{args[0]}`{meant}", ctx)
        return super().resolve_command(ctx, args)

    def get_help(self, _: click.Context) -> str:
        return page()

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        def call() -> Any:
            return super(Lazy, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return call()
        return sys.exit(exit_code_of(call, as_json=asks_json(self, sys.argv[1:] if args is None else args)))


def _say_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(version_line())
        ctx.exit()


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
@click.pass_context
def provision(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(page())
        ctx.exit(Exit.USAGE)
