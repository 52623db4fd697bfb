"""The command line: arguments → library → what is shown → exit code. The only composition root.

Commands are in files of their own and loaded when called for, so that `provision --help` answers at once.
"""

from __future__ import annotations

import atexit
import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """The console script `provision`."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        # The page is a constant: not even the argument parser is needed to show it.
        from provision.cli.page import page

        sys.exit(_print(page()))
    if arguments == ["--version"]:
        from provision import __version__

        sys.exit(_print(f"provision {__version__}"))
    # Loading the libraries makes many objects that stay to the end: looking through them for garbage, while they are
    # made and once more on leaving, is a tenth of a short run.
    gc.set_threshold(200_000, 20, 100)
    atexit.register(gc.freeze)
    from provision.cli.group import provision

    provision.main(prog_name="provision")
    raise AssertionError("a click group in standalone mode exits")


def _print(text: str) -> int:
    from provision.render.out import Out

    Out(sys.stdout).lines(text.splitlines())
    return 0
