"""What the command line was given, for the commands that messages name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from provision.cli.find import find_inventory
from provision.core.commands import Given
from provision.core.errors import ProvisionError, UsageError
from provision.render.commands import completed_error

if TYPE_CHECKING:
    from provision.cli.options import RunOptions


def given_here() -> Given:
    """Of the command that is being run; nothing is known of one that takes no inventory, or finds none."""
    context = click.get_current_context(silent=True)
    asked = context.params if context is not None else {}
    if "inventory" not in asked:
        return Given()
    return _given(asked["inventory"], asked.get("playbook"), asked.get("limit"), asked.get("ask_sudo_password"))


def given_of(asked: RunOptions) -> Given:
    return _given(asked.inventory, asked.playbook, asked.limit, asked.ask_sudo_password)


@contextmanager
def complete_commands(given: Given) -> Iterator[None]:
    """An error names its commands as they are to be typed, of another command line than the present one."""
    try:
        yield
    except ProvisionError as error:
        completed_error(error, given)
        raise


def _given(inventory: str | None, playbook: object, limit: tuple[str, ...] | None, password: bool | None) -> Given:
    try:
        path = inventory or str(find_inventory(None, os.environ))
    except UsageError:
        return Given()
    return Given(path, str(playbook or ""), tuple(limit or ()), bool(password))
