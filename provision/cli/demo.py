"""`demo`: the whole job on this machine, for whoever has no GPUs at hand."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from provision.cli.options import Shown, example, shown_options
from provision.cli.page import COMMANDS


@click.command(
    short_help=COMMANDS["demo"].help,
    epilog=example("""\
  provision demo
  provision demo --keep"""),
)
@click.option("--keep", is_flag=True, help="Leave the hosts and the server running, and say how to use them.")
@shown_options
def demo(keep: bool, **options: Any) -> int:
    """The whole job on this machine, without a GPU, in minutes.

    Makes virtual hosts, brings up real Ray and real vLLM (CPU build, a tiny model made on the spot) across them over
    real SSH, asks the model one thing, runs `up` again (nothing to change), `check`, `down`, and cleans up.
    """
    from provision.cli.run import told, watched

    screen = Shown(**options).screen()
    with told(screen), watched(screen, "demo", "") as watch:
        # Kept out of the imports above: the demo loads the lab, and the lab half of the library.
        run_demo = import_module("provision.lab.demo").run_demo
        code = run_demo(listener=watch.listener, cancel=watch.interrupts.cancel, keep=keep)
    return watch.interrupts.exit_code or int(code)
