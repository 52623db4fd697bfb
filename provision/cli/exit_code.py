"""How a command ends: what is printed about an error, and its exit code.

Nothing here may fail in turn: each fallback is simpler than the one before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from provision.cli.streams import last_words
from provision.cli.system_errors import explained, is_system_error
from provision.core.errors import ProvisionError
from provision.core.exits import Exit
from provision.core.person import here
from provision.core.wording import did_you_mean
from provision.render.errors import block, error_lines
from provision.render.out import Out
from provision.render.text import PLAIN, Paint, wants_colour


class Bug(Exception):
    """An unexpected exception; its traceback is in the log at `log`, which may be empty."""

    def __init__(self, log: str) -> None:
        super().__init__(log)
        self.log = log


def exit_code_of(call: Callable[[], Any]) -> int:
    """The exit code of `call`. Errors go to standard error; a traceback never does."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            # A terminal that cannot show `→` gets a `?` instead of a crash.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = call()
    except click.UsageError as error:
        return _say(error, _usage, error.exit_code)
    except click.ClickException as error:
        return _say(error, lambda e: block("", e.format_message(), (), "", _paint()), error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        return _say(error, lambda _: ["stopped"], Exit.INTERRUPTED)
    except ProvisionError as error:
        return _say(error, lambda e: [*error_lines(e, _paint()), *_lost()], error.exit_code)
    except Bug as bug:
        log = bug.log
        return _say(bug.__cause__ or bug, lambda e: _bug(e, log), Exit.FAILED)
    except Exception as error:
        if is_system_error(error):
            log = log_bug(error, "error")
            return _say(error, lambda e: [*error_lines(explained(e), _paint()), *_log(log), *_lost()], Exit.FAILED)
        log = log_bug(error)
        return _say(error, lambda e: _bug(e, log), Exit.FAILED)
    return code if isinstance(code, int) else Exit.DONE


def log_bug(error: BaseException, name: str = "bug") -> str:
    """Writes the traceback to a log of its own, called `name`. Returns its path, or nothing if that failed too."""
    try:
        from provision.render.log import RunLog, log_dir

        log = RunLog(log_dir(), name)
        log.traceback(error)
        log.end()
    except Exception:
        return ""
    return "" if log.failed else str(log.path)


def _usage(error: click.UsageError) -> list[str]:
    message = _no_such_option(error) if isinstance(error, click.NoSuchOption) else error.format_message()
    # click writes sentences, "No such option: --foo", and choices below each other.
    message = " ".join(message.split())
    message = (message[:1].lower() + message[1:]).rstrip(".").replace(" '", " `").replace("'", "`")
    path = error.ctx.command_path if error.ctx else "provision"
    return block("", message, (), f"{path} --help", _paint())


def _no_such_option(error: click.NoSuchOption) -> str:
    """In our own words: every release of click has others."""
    return f"no such option `{error.option_name}`{did_you_mean(error.option_name, error.possibilities or (), '; ')}"


def _bug(error: BaseException, log: str) -> list[str]:
    lines = block("", f"{type(error).__name__}: {error}", (), "", _paint())
    lines[0] = lines[0].replace("error:", "bug:", 1)
    if log:
        lines.append(f"hint: please report it; the traceback is in {log}")
    return lines


def _log(log: str) -> list[str]:
    return [f"log: {log}"] if log else []


def _lost() -> list[str]:
    """What may be the cause of much: files named without their folder are nowhere then."""
    return [] if here() else ["note: the working directory was deleted or is not accessible: `cd` to another one"]


def _say(error: BaseException, words: Callable[[Any], list[str]], code: int) -> int:
    try:
        Out(sys.stderr).lines(words(error))
    except Exception:
        last_words(error)
    return code


def _paint() -> Paint:
    try:
        no_color = "--no-color" in sys.argv[1:]
        return Paint(wants_colour(os.environ, tty=sys.stderr.isatty(), no_color=no_color))
    except Exception:
        return PLAIN
