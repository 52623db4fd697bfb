"""`bundle`: what a ticket needs, in one file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import click

from provision.cli.options import RunOptions, example, run_options
from provision.cli.page import COMMANDS
from provision.core.errors import Cancelled, ProvisionError
from provision.core.exits import Exit

T = TypeVar("T")

#: Lines of each log, from its end.
_LINES = 5000


@click.command(
    short_help=COMMANDS["bundle"].help,
    epilog=example("""\
  provision bundle cluster.yaml
  provision bundle cluster.yaml --out ticket-42.tar.gz
  provision explain ticket-42.tar.gz
  provision check --from ticket-42.tar.gz"""),
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write, a new one.  [default: CLUSTER-YYYYMMDD-HHMMSS.tar.gz]",
)
@run_options
def bundle(out: Path | None, **options: Any) -> int:
    """Write what a ticket needs to one file: inventory, lock, facts, versions, plan, status, the ends of all logs, and
    what `check` says.

    Secrets are masked in all of it, and their values in the inventory are never read into it. What is in the file is
    listed on standard error before it is written, with mode 0600, and never over another file. Nothing is written on
    any host. `explain` and `check --from` read the file without any host.

    Exit code 0: all of it is there; 4: a host could not be reached; 1: something else could not be asked. The file is
    written all the same, and says what is missing. 2: wrong usage or inventory, or the file exists.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password
    from provision.cli.run import errors_as_json, existing
    from provision.cli.stoppable import stoppable
    from provision.inventory.limit import select
    from provision.inventory.secrets import readable_secrets
    from provision.operate import logs as reading
    from provision.operate.looking import status
    from provision.operate.packing import pack, require_new, write_new
    from provision.render.bundle import bundle_files, listing_lines
    from provision.render.jsonl import result_line

    asked = RunOptions(**options)
    screen = asked.screen()
    failed: list[ProvisionError] = []

    def tried(what: str, call: Callable[[], T]) -> T | None:
        """What cannot be asked is missing, and said to be."""
        if not screen.quiet:
            screen.complain([f"asking: {what}"])
        try:
            return call()
        except Cancelled:
            raise
        except ProvisionError as error:
            failed.append(error)
            return None

    with errors_as_json(screen):
        loaded = api.load(find_inventory(asked.inventory, os.environ), require_secrets=False, require_files=False)
        only = select(loaded, asked.limit)
        at = time.time()
        name = f"{loaded.cluster}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}"
        path = out or Path(f"{name}.tar.gz")
        require_new(path)
        password = ask_sudo_password() if asked.ask_sudo_password else None
        # As long as they are there they are masked in whatever is written.
        secrets = readable_secrets(loaded)
        with stoppable() as stop, TemporaryDirectory() as scratch:
            common: dict[str, Any] = {"limit": only, "cancel": stop.cancel, "sudo_password": password}
            snapshot = Path(scratch) / "facts.json"
            report = tried(
                "what `check` does",
                lambda: api.check(loaded, playbook=asked.playbook, wait=False, save=snapshot, **common),
            )
            seen = tried("how it is", lambda: status(loaded, **common))
            logs = tried("the logs", lambda: reading.logs(loaded, reading.LogsAsked(lines=_LINES), **common))
            facts = snapshot.read_text(encoding="utf-8") if snapshot.exists() else ""
        errors = [*failed, *(logs.errors if logs else ()), *(report.errors if report else ())]
        files = bundle_files(
            loaded,
            made=time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at)),
            at=at,
            lock=_lock(loaded.lock_path),
            report=report,
            facts=facts,
            seen=seen,
            logs=logs,
            errors=errors,
        )
        del secrets
        sizes = {name: len(text.encode("utf-8", "replace")) for name, text in files.items()}
        screen.complain([f"{existing(path)} gets:", *listing_lines(sizes)])
        data = pack(files, name, at)
        write_new(path, data)
    for error in failed:
        screen.error(error)
    codes = [*(error.exit_code for error in errors), *([seen.exit_code] if seen is not None and seen.unknown else [])]
    code = Exit.UNREACHABLE if Exit.UNREACHABLE in codes else Exit.FAILED if codes else Exit.DONE
    screen.json(
        result_line(
            "bundle", {"file": str(path), "bytes": len(data), "files": sizes, "errors": errors, "exit_code": code}
        )
    )
    if not screen.as_json:
        screen.say(f"wrote {existing(path)} ({len(data) / 1024:.1f} KiB)")
    return code


def _lock(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
