"""`rollback`: back to the last start that was good."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.options import RunOptions, example, run_options, timings_option, wait_option, waiting, yes_option
from provision.cli.page import COMMANDS


@click.command(
    short_help=COMMANDS["rollback"].help,
    epilog=example("""\
  provision rollback cluster.yaml
  provision rollback cluster.yaml --from-head   from a machine that did not start it"""),
)
@click.option(
    "--from-head",
    is_flag=True,
    help="The last good start from whichever machine: packages, arguments and cut, as the "
    "head keeps them. Hosts, files and secrets are those of this inventory.",
)
@wait_option
@yes_option
@timings_option
@run_options
def rollback(from_head: bool, no_wait: bool, yes: bool, **options: Any) -> int:
    """Start again what the last successful `up` from this machine started.

    Environment, arguments, cut and playbook are those of that time. Inventory and lock stay as they are, so that
    `plan` shows what they ask for and does not run. Does nothing if that start still runs.
    """
    from provision import api
    from provision.cli.run import run

    wishes = {"from_head": from_head, **waiting(no_wait)}
    return run("rollback", api.rollback, RunOptions(**options), ask=not yes, **wishes)
