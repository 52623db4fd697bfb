"""`explain`: why it failed, from logs alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.errors import UsageError
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["explain"].help,
    epilog=example("""\
  provision explain vllm.log
  provision explain logs/                 # a subfolder for each host
  kubectl logs vllm-0 | provision explain"""),
)
@click.argument("files", nargs=-1, metavar="[FILE… | -]", type=click.Path(path_type=Path, allow_dash=True))
@shown_options
def explain(files: tuple[Path, ...], **options: Any) -> int:
    """Say why a model did not start, or stopped, from its logs: of vLLM, Ray, NCCL, systemd, the kernel.

    Needs no inventory and contacts no host. All FILEs are read as of one failure; of a folder, each subfolder is a
    host. Without FILE, or with `-`, standard input is read; a line `@host NAME PATH` says whose lines follow.

    Exit code 0 if a cause was found, 3 if it is not known.
    """
    from provision import explain as explained
    from provision.diagnosis.logs import read_piped
    from provision.render.explained import explained_json, explained_lines
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    if not files and sys.stdin.isatty():
        raise UsageError("no log was given", hint="name files or folders, or pipe a log: `… | provision explain`")
    named = [file for file in files if str(file) != "-"]
    piped = []
    if len(named) != len(files) or not files:
        piped = read_piped(sys.stdin.buffer)
    found = explained(*named, *piped)
    screen.json(result_line("explain", explained_json(found)))
    if not screen.as_json:
        screen.say(*explained_lines(found, screen.paint))
    return Exit.DONE if found.id else Exit.NO
