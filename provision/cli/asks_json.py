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
            for _ in range(_values_behind(command, word)):
                next(left, None)
        elif isinstance(command, click.Group):
            try:
                command = command.get_command(click.Context(command), word) or command
            except Exception:
                # It cannot be loaded, which is told when it is called. `--json` is there, and what is before it is not
                # known to be anything else.
                return True
    return False


def _values_behind(command: click.Command, word: str) -> int:
    """How many of the next words are values of the option or options that `word` is."""
    takes = {
        name: one.nargs
        for one in command.params
        if isinstance(one, click.Option) and not (one.is_flag or one.count)
        for name in one.opts
    }
    if word.startswith("--"):
        name, has_one, _ = word.partition("=")
        return max(0, takes.get(name, 0) - len(has_one))
    # Short options may share a word: the first one that takes a value has what is left of it.
    for at, letter in enumerate(word[1:], 2):
        if count := takes.get(f"-{letter}"):
            return count - bool(word[at:])
    return 0
