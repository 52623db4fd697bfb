"""`smoke`: one test request to the served model."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.options import Seconds, example
from provision.cli.page import COMMANDS
from provision.cli.serving import HeadOptions, head_options, of_head
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["smoke"].help,
    epilog=example("""\
  provision smoke cluster.yaml
  provision smoke cluster.yaml -q || echo "it does not answer" """),
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    default=120.0,
    show_default=True,
    type=Seconds(0.1),
    help="How long to wait for the complete answer.",
)
@head_options
def smoke(timeout: float, **options: Any) -> int:
    """Send the served model one test request, as its users do.

    Sends it from this machine to the head's address or, if that cannot be reached, on the head itself, over SSH. The
    request is a chat completion, or what the model supports instead: a completion, an embedding. Changes nothing. Exit
    code 0: it answered; 1: it did not; 2: wrong usage or inventory; 4: the head could not be reached.
    """
    from provision import api
    from provision.render.jsonl import result_line
    from provision.render.serving import smoke_json, smoke_lines

    asked = HeadOptions(**options)
    seen = of_head("smoke", api.smoke, asked, timeout=timeout)
    screen = asked.screen()
    screen.json(result_line("smoke", smoke_json(seen)))
    if not screen.as_json:
        screen.say(*smoke_lines(seen))
    return Exit.DONE
