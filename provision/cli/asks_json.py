"""Whether an error is for a program: known also where the rest of the command line cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import click

JSON = "--json"


def asks_json(group: click.Group, words: Sequence[str]) -> bool:
    """Whether `--json` is among the options: neither the value of another one, nor behind `--`."""
    if JSON not in words:
        return False
    command: click.Command = group
    left = iter(words)
    for word in left:
        if word in (JSON, "--"):
            return word == JSON
        if word.startswith("-"):
            if _takes_a_value(command, word):
                next(left, None)
        elif isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command
    return False


def _takes_a_value(command: click.Command, word: str) -> bool:
    return any(isinstance(one, click.Option) and word in one.opts and not one.is_flag for one in command.params)
