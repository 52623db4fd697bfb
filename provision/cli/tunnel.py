"""`tunnel`: what listens on the head, at ports of this machine."""

from __future__ import annotations

import os
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["tunnel"].help,
    epilog=example("""\
  provision tunnel cluster.yaml
  provision tunnel cluster.yaml --port 9000"""),
)
@inventory_argument
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    help="The API's port on this machine.  [default: as on the head, or any if that is taken]",
)
@click.option("--token", is_flag=True, help="Also print Ray's token, which the dashboard asks for.")
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the head's sudo password.")
@shown_options
def tunnel(inventory: str | None, port: int | None, token: bool, ask_sudo_password: bool, **options: Any) -> int:
    """Bring the model's API to a port of this machine's loopback, over SSH, and Ray's dashboard if it has one.

    Prints the base URL, and stays until Ctrl-C. A connection that breaks is opened anew. Everybody who can log in to
    this machine reaches these ports: the API wants its key, and the dashboard the token, as ever. Exit code 1: no model
    is served; 2: wrong usage or inventory; 4: the head could not be reached; 130: ended with Ctrl-C.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.stoppable import stoppable
    from provision.operate import tunnel as tunnels
    from provision.render.jsonl import result_line
    from provision.render.text import clean

    screen = ShownOptions(**options).screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    password = prompt() if ask_sudo_password else None
    with (
        stoppable(said=False) as stop,
        tunnels.tunnel(
            loaded,
            port=port or 0,
            token=token,
            cancel=stop.cancel,
            say=lambda text: screen.complain([clean(text)]),
            sudo_password=password,
        ) as open_now,
    ):
        urls = {"base_url": open_now.base_url, "model": open_now.model, "dashboard": open_now.dashboard}
        screen.json(result_line("tunnel", {**urls, "token": open_now.token}))
        if not screen.as_json:
            screen.say(*_lines(open_now))
        while not stop.cancel.wait(1):
            pass
    return Exit.DONE if stop.exit_code is None else stop.exit_code


def _lines(there: Any) -> list[str]:
    from provision.render.text import clean

    lines = [f"{clean(there.model)} answers at {there.base_url}"] if there.base_url else []
    if there.dashboard:
        lines.append(f"Ray's dashboard is at {there.dashboard}; it asks for the token that `--token` prints")
    lines += [f"token: {there.token}"] if there.token else []
    return [*lines, "Ctrl-C ends this"]
