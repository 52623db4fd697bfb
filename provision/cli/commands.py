"""What `exec` and `ray` have in common: a command on hosts, its output as it comes, and an exit code."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

from provision.cli.find import find_inventory
from provision.cli.options import RunOptions
from provision.cli.password import ask_sudo_password
from provision.cli.stoppable import stoppable
from provision.core.errors import HostError
from provision.core.exits import Exit
from provision.inventory.limit import select
from provision.operate.commands import Ran, run_on_hosts
from provision.render.jsonl import result_line
from provision.render.screen import Screen
from provision.render.text import HOSTS, clean


def on_hosts(
    screen: Screen, asked: RunOptions, words: Sequence[str], *, head: bool = False, **how: Any
) -> tuple[Ran, ...]:
    """Shows each line behind its host. `head`: on the head alone, whose lines stand for themselves."""
    from provision import api

    loaded = api.load(find_inventory(asked.inventory, os.environ), require_secrets=False)
    only = (loaded.head.name,) if head else select(loaded, asked.limit)
    names = only or tuple(host.name for host in loaded.hosts)
    styles = {name: HOSTS[index % len(HOSTS)] for index, name in enumerate(names)}
    width = max(map(len, names))
    turn = threading.Lock()

    def heard(host: str, stream: str, line: str) -> None:
        out, paint = (screen.out, screen.paint) if stream == "stdout" else (screen.err, screen.err_paint)
        if screen.as_json or (screen.quiet and stream == "stdout"):
            return
        before = "" if head else f"{paint(styles[host], clean(host).ljust(width))}  "
        with turn:
            out.line(before + (clean(line) if out.tty else line))

    password = ask_sudo_password() if asked.ask_sudo_password else None
    with stoppable() as stop:
        return run_on_hosts(loaded, words, limit=only, heard=heard, cancel=stop.cancel, sudo_password=password, **how)


def shown(screen: Screen, kind: str, words: Sequence[str], ran: Sequence[Ran]) -> int:
    """What is left to say. Returns the exit code: the worst of all hosts'."""
    hosts = [
        {"host": one.host, "code": one.code, "stdout": one.stdout, "stderr": one.stderr, "error": one.error}
        for one in ran
    ]
    screen.json(result_line(kind, {"command": list(words), "hosts": hosts}))
    for one in ran:
        if one.error is not None:
            screen.error(one.error)
        elif one.code != 0:
            ended = "was killed" if one.code is None else f"ended with exit code {one.code}"
            screen.error(HostError(one.host, f"the command {ended}"))
    return max((one.exit_code for one in ran), default=Exit.DONE)
