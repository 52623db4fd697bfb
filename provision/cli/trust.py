"""`trust`: the hosts' keys are compared once, by a person, and recorded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli import completing
from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.errors import ProvisionError, UsageError
from provision.core.exits import Exit

if TYPE_CHECKING:
    from provision.render.screen import Screen
    from provision.transport.trust import ScannedKey


@click.command(
    short_help=COMMANDS["trust"].help,
    epilog=example("""\
  provision trust cluster.yaml
  provision trust cluster.yaml --yes       after comparing them elsewhere, or in a network you trust"""),
)
@inventory_argument
@click.option(
    "--limit",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completing.limits,
    help="Only these hosts.  [default: all hosts]",
)
@click.option("--yes", is_flag=True, help="Record without asking; required where there is no terminal.")
@shown_options
def trust(inventory: str | None, limit: tuple[str, ...], yes: bool, **options: Any) -> int:
    """Show the SSH keys of all hosts, and record those that are new once you agree.

    Compare them with what the hosts themselves show (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). A key that
    differs from the recorded one is never replaced: the message says what to do. Logs in only to jump hosts.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.inventory.limit import select
    from provision.transport.trust import scan

    screen = ShownOptions(**options).screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    only = select(loaded, limit)
    keys = scan([host for host in loaded.hosts if not only or host.name in only])
    recorded = _confirmed(keys, screen, yes=yes)
    _show_end(keys, recorded, screen)
    if any(key.error for key in keys):
        return max(key.error.exit_code for key in keys if key.error)
    return Exit.DECLINED if recorded is None else Exit.DONE


def _confirmed(keys: list[ScannedKey], screen: Screen, *, yes: bool) -> dict[Path, int] | None:
    """File → how many keys were recorded in it; None if the person said no."""
    from provision.render.jsonl import result_line
    from provision.render.keys import key_lines
    from provision.render.text import count

    for key in keys:
        shown = {name: getattr(key, name) for name in ("host", "address", "port", "kind", "fingerprint", "status")}
        screen.json(result_line("host-key", {**shown, "error": key.error}))
    if not screen.as_json:
        screen.say(*key_lines(keys, screen.paint))
    new = [key for key in keys if key.status == "new"]
    if not new:
        return {}
    if not yes:
        if screen.as_json or screen.quiet or not (sys.stdin.isatty() and screen.out.tty):
            raise UsageError(
                f"{count(len(new), 'key')} not on record yet, and no terminal to ask at",
                hint="compare the fingerprints, then run the same command with --yes",
            )
        if not click.confirm(f"record {count(len(new), 'new key')}", default=False):
            return None
    return _record(new)


def _record(new: list[ScannedKey]) -> dict[Path, int]:
    from provision.transport.trust import record_each

    try:
        return record_each(new)
    except OSError as error:
        why = f"the keys cannot be recorded in `{error.filename or 'known_hosts'}`: {error.strerror}"
        raise ProvisionError(why, hint="name another file in `ssh.known_hosts`") from error


def _show_end(keys: list[ScannedKey], recorded: dict[Path, int] | None, screen: Screen) -> None:
    from provision.render.jsonl import result_line
    from provision.render.keys import key_error_lines
    from provision.render.text import count

    screen.json(result_line("trust", {"recorded": sum((recorded or {}).values())}))
    errors = key_error_lines(keys, screen.err_paint)
    screen.complain([*([""] if errors and not screen.quiet else []), *errors])
    if screen.as_json:
        return
    if recorded is None:
        screen.say("nothing was recorded")
    elif recorded:
        screen.say(*(f"recorded {count(number, 'key')} in {file}" for file, number in recorded.items()))
    elif not errors:
        screen.say("all keys are on record: nothing to change")
