"""The command line: arguments → library → what is shown → exit code. The only composition root.

Commands are in files of their own and loaded when called for, so that `provision --help` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

from provision.core.exits import Exit


def main() -> NoReturn:
    """The console script `provision`."""
    from provision.cli.streams import Streams, last_words

    # Nobody else is to write what we make; and without the owner's own rights we could not read it back.
    os.umask((os.umask(0o077) & 0o077) | 0o022)
    streams = Streams()
    try:
        code = _called(sys.argv[1:])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        code = _stopped(sys.argv[1:])
    except BaseException as error:
        last_words(error)
        code = Exit.FAILED
    sys.exit(streams.end(code))


def _called(arguments: list[str]) -> int:
    if arguments in (["--help"], ["-h"]):
        # The page is a constant: not even the argument parser is needed to show it.
        from provision.cli.page import page

        return _print(page())
    if arguments == ["--version"]:
        from provision.cli.version import version_line

        return _print(version_line())
    # Loading the libraries makes many objects that stay to the end: looking through them for garbage, while they are
    # made and once more on leaving, is a tenth of a short run.
    gc.set_threshold(200_000, 20, 100)
    atexit.register(gc.freeze)
    from provision.cli.group import provision

    provision.main(prog_name="provision")
    raise AssertionError("a click group in standalone mode exits")


def _stopped(words: list[str]) -> int:
    """By Ctrl-C, before there was a command to attend to it."""

    def again() -> NoReturn:
        raise KeyboardInterrupt

    try:
        from provision.cli.exit_code import exit_code_of

        return exit_code_of(again, as_json="--json" in words)
    except BaseException:  # by another one: whoever is that impatient needs no words
        return Exit.INTERRUPTED


def _print(text: str) -> int:
    from provision.render.out import Out

    Out(sys.stdout).lines(text.splitlines())
    return Exit.DONE
