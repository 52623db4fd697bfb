"""What `smoke` and `bench` have in common: an inventory, its secrets, and a run that can be stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from provision.cli.options import ShownOptions, inventory_argument, shown_options
from provision.core.values import dataclass

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_SUDO = click.option(
    "--ask-sudo-password",
    is_flag=True,
    help="Prompt for the head's sudo password, or read it as a line from standard input.",
)


@dataclass(frozen=True)
class HeadOptions(ShownOptions):
    """The values of `head_options`."""

    inventory: str | None = None
    ask_sudo_password: bool = False


def head_options(function: F) -> F:
    return inventory_argument(_SUDO(shown_options(function)))


def of_head(command: str, call: Callable[..., T], asked: HeadOptions, **extra: Any) -> T:
    """What `call(inventory, …)` of the library returns. Raises ProvisionError or SystemExit, as `reported` does."""
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password
    from provision.cli.run import watched

    screen = asked.screen()
    inventory = api.load(find_inventory(asked.inventory, os.environ))
    password = ask_sudo_password() if asked.ask_sudo_password else None
    with watched(screen, command, inventory.cluster) as watch:
        cancel = watch.interrupts.cancel
        if command == "bench":
            extra["listener"] = watch.listener
        answer = call(inventory, cancel=cancel, sudo_password=password, **extra)
    watch.end()
    return answer
