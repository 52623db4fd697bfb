"""What holds around every command: how its page is set, and that its errors name commands as they are to be typed."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.whole_words import WholeWords
from provision.core.errors import ProvisionError


class _Context(click.Context):
    formatter_class = WholeWords

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().invoke(*args, **kwargs)
        except ProvisionError as error:
            from provision.cli.given import given_here
            from provision.render.commands import completed_error

            completed_error(error, given_here())
            raise


def in_context(command: click.Command) -> click.Command:
    """The same one, with those of its group."""
    command.context_class = _Context
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        in_context(each)
    return command
