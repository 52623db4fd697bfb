"""`lock`: pin the environment before anything is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["lock"].help,
    epilog=example("""\
  provision lock cluster.yaml                       writes cluster.lock
  provision lock cluster.yaml --upgrade
  provision lock cluster.yaml --upgrade-package ray --dry-run
  provision lock --diff old.lock new.lock"""),
)
@inventory_argument
@click.option(
    "--upgrade", is_flag=True, help="Move to the newest versions that fit, instead of keeping the locked ones."
)
@click.option(
    "--upgrade-package", "only", multiple=True, metavar="NAME", help="Move this package alone. May be repeated."
)
@click.option("--dry-run", is_flag=True, help="Show what would move, and write nothing.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 3 if the lock is not what `lock` would write.")
@click.option("--diff", nargs=2, metavar="OLD NEW", help="Compare two locks; no inventory is read.")
@shown_options
def lock(
    inventory: str | None,
    upgrade: bool,
    only: tuple[str, ...],
    dry_run: bool,
    check: bool,
    diff: tuple[str, str] | None,
    **options: Any,
) -> int:
    """Pin the environment to exact versions, with hashes.

    Writes `<name>.lock` beside the inventory; keep both in version control. `up` does this once if it is missing.
    Contacts the package index, and no host. Shows what moved, and for which package or setting.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.run import existing, watched
    from provision.environment.locks import news_of
    from provision.operate.building import ready
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    if diff is not None or check or dry_run:
        news = _compared(diff) if diff is not None else None
        if news is None:
            loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
            news = news_of(ready(loaded), upgrade, only, check)
        screen.json(result_line("lock", {"changes": list(news)}))
        if not screen.as_json:
            screen.say(*(news or ("no difference",)))
        return Exit.NO if news and (check or diff is not None) else Exit.DONE
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    with watched(screen, "lock", loaded.cluster, cancels=False) as watch:
        path = api.lock(loaded, upgrade=upgrade, upgrade_packages=only, listener=watch.listener)
    watch.end()
    screen.json(result_line("lock", {"path": path}))
    if not screen.as_json:
        screen.say(f"wrote {existing(path)}")
    return Exit.DONE


def _compared(files: tuple[str, str]) -> tuple[str, ...]:
    from provision.core.errors import LockError
    from provision.environment.lock_changes import changes
    from provision.environment.lock_text import lock_text
    from provision.environment.locks import parse

    locks, edited = [], []
    for name in files:
        try:
            text = lock_text(Path(name))
        except FileNotFoundError:
            raise LockError(f"there is no lock at `{name}`", hint="name two files that `provision lock` made") from None
        # One that was edited is compared, too: it is what was edited that somebody wants to know.
        locks.append(parse(text, Path(name), edited=True))
        try:
            parse(text, Path(name))
        except LockError as reason:
            edited.append(reason.message)
    return (*edited, *changes(locks[0], locks[1]))
