"""How a command ends: what is said about an error, and which exit code it becomes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from provision.core.errors import ProvisionError
from provision.render.errors import block, error_lines
from provision.render.out import Out
from provision.render.text import Paint, wants_colour

INTERRUPTED = 130


class Bug(Exception):
    """An exception that nobody expected; its traceback is in the log at `log`, which may be empty."""

    def __init__(self, log: str) -> None:
        super().__init__(log)
        self.log = log


def ending(call: Callable[[], Any]) -> int:
    """The exit code of `call`. Errors go to standard error; a traceback never does."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show `→` gets a `?` instead of a crash.
            stream.reconfigure(errors="replace")
    try:
        code = call()
    except click.UsageError as error:
        return _say(_usage(error), error.exit_code)
    except click.ClickException as error:
        return _say(block("", error.format_message(), (), "", _paint()), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _say(["stopped"], INTERRUPTED)
    except ProvisionError as error:
        return _say(error_lines(error, _paint()), error.exit_code)
    except Bug as bug:
        return _say(_bug(bug.__cause__ or bug, bug.log), 1)
    except Exception as error:
        return _say(_bug(error, log_bug(error)), 1)
    return code if isinstance(code, int) else 0


def log_bug(error: BaseException) -> str:
    """Writes the traceback to a log of its own. Returns its path, or nothing if that failed too."""
    from provision.render.log import RunLog, log_dir

    try:
        log = RunLog(log_dir(), "bug")
    except OSError:
        return ""
    log.traceback(error)
    log.end()
    return str(log.path)


def _usage(error: click.UsageError) -> list[str]:
    message = error.format_message()
    # click writes sentences: "No such option: --foo".
    message = (message[:1].lower() + message[1:]).rstrip(".").replace(" '", " `").replace("'", "`")
    path = error.ctx.command_path if error.ctx else "provision"
    return block("", message, (), f"{path} --help", _paint())


def _bug(error: BaseException, log: str) -> list[str]:
    lines = block("", f"{type(error).__name__}: {error}", (), "", _paint())
    lines[0] = lines[0].replace("error:", "bug:", 1)
    if log:
        lines.append(f"hint: please report it; the traceback is in {log}")
    return lines


def _say(lines: list[str], code: int) -> int:
    Out(sys.stderr).lines(lines)
    return code


def _paint() -> Paint:
    no_color = "--no-color" in sys.argv[1:]
    return Paint(wants_colour(os.environ, tty=sys.stderr.isatty(), no_color=no_color))
