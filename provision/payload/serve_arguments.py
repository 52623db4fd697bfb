"""Whether vLLM accepts the arguments of `vllm serve`: its own command line reads them, and stops before it serves.

Run by an environment's Python, with the words of the command as arguments and the service's environment. In vLLM
0.32.0 (entrypoints/cli/main.py) `main` parses, has the subcommand validate, and calls `ServeSubcommand.cmd`, which is
the first to start anything: it is replaced. For a vLLM with another layout the verdict is `unknown`.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import sys
from typing import Any

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"

#: Lines of what it said that are worth keeping.
_LINES = 6


class Reached(BaseException):
    """The arguments have been read, and nothing has begun."""


def main() -> None:
    """Prints `verdict=…`, then `said=…` and `meant=…` lines. Whatever vLLM prints goes to standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    verdict, said, meant = judge(sys.argv[1:])
    lines = [f"verdict={verdict}", *(f"said={line}" for line in said), *(f"meant={word}" for word in meant)]
    os.write(ours, "".join(f"{line}\n" for line in lines).encode())
    # Threads that vLLM's imports have started are not waited for.
    sys.stderr.flush()
    os._exit(0)


def judge(words: list[str]) -> tuple[str, list[str], list[str]]:
    """The verdict, what vLLM says of it, and flags that may have been meant."""
    try:
        from vllm.entrypoints.cli import main as cli
        from vllm.entrypoints.cli.serve import ServeSubcommand
    except ModuleNotFoundError as error:
        # Another layout of vLLM's is nothing against the arguments; a package that it lacks keeps it from starting.
        verdict = UNKNOWN if (error.name or "vllm").partition(".")[0] == "vllm" else REFUSED
        return verdict, [f"{type(error).__name__}: {error}"], []
    except ImportError as error:
        ours = (error.name or "").startswith("vllm.entrypoints")
        return UNKNOWN if ours else REFUSED, [f"{type(error).__name__}: {error}"], []
    flags: list[str] = []
    made = ServeSubcommand.subparser_init

    def remember(self: Any, subparsers: Any) -> Any:
        parser = made(self, subparsers)
        flags.extend(parser._option_string_actions)
        return parser

    def reached(_: Any) -> None:
        raise Reached

    ServeSubcommand.subparser_init = remember
    ServeSubcommand.cmd = staticmethod(reached)
    sys.argv = ["vllm", *words]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            cli.main()
    except Reached:
        return ACCEPTED, [], []
    except (MemoryError, KeyboardInterrupt) as error:
        return UNKNOWN, [type(error).__name__], []
    except SystemExit as error:
        said = message(printed.getvalue()) or [f"it ends with {error.code} instead of serving"]
        return REFUSED, said, near(said[0], flags)
    except Exception as error:
        return REFUSED, message(f"{type(error).__name__}: {error}"), []
    return UNKNOWN, ["it read the arguments in a way of its own"], []


def message(text: str) -> list[str]:
    """What argparse says after the usage; else the last lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for at, line in enumerate(lines):
        before, sep, after = line.partition("error: ")
        if sep and before.startswith("vllm"):
            return [after, *lines[at + 1 :]][:_LINES]
    return lines[-_LINES:]


def near(said: str, flags: list[str]) -> list[str]:
    """Flags that are almost those which it does not know."""
    unknown = said.partition("unrecognized arguments:")[2].split()
    found = []
    for word in unknown:
        if word.startswith("--"):
            found += difflib.get_close_matches(word.partition("=")[0], flags, 1, 0.75)
    return found
