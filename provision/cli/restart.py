"""`restart`: services, and nothing else."""

from __future__ import annotations

from typing import Any

import click

from provision.cli import completing
from provision.cli.dashes import inventory_first
from provision.cli.options import RunOptions, example, run_options, timings_option, wait_option, waiting, yes_option
from provision.cli.page import COMMANDS


@click.command(
    short_help=COMMANDS["restart"].help,
    epilog=example("""\
  provision restart cluster.yaml vllm
  provision restart cluster.yaml"""),
)
@wait_option
@yes_option
@timings_option
@run_options
@click.argument("services", nargs=-1, metavar="[SERVICE...]", shell_complete=completing.services)
def restart(inventory: str | None, services: tuple[str, ...], no_wait: bool, yes: bool, **options: Any) -> int:
    """Start services anew: `vllm`, or `ray` with all that runs on it; without a name all of them.

    Asks on a terminal before a model stops answering. Changes nothing else: where more than a restart would be needed
    to have the hosts as the inventory says, it refuses with exit code 3. One that does not run is started. The proofs
    of network and GPUs are left out.
    """
    from provision import api
    from provision.cli.run import run

    named, names = inventory_first((*filter(None, (inventory,)), *services))
    return run(
        "restart", api.restart, RunOptions(inventory=named, **options), ask=not yes, services=names, **waiting(no_wait)
    )
