"""What holds around every command: how its page is set, and that its errors name commands as they are to be typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from provision.cli.whole_words import WholeWords
from provision.core.errors import ProvisionError


class _Context(click.Context):
    formatter_class = WholeWords

    @contextmanager
    def scope(self, cleanup: bool = True) -> Iterator[click.Context]:
        with super().scope(cleanup) as context:
            try:
                yield context
            except click.UsageError as error:
                # Its parser does not always say which command it is about.
                error.ctx = error.ctx or self
                raise

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
