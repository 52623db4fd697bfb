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

from provision.cli.streams import last_words, output_is_closed
from provision.cli.system_errors import explained, is_system_error
from provision.core.errors import Cancelled, ProvisionError, UsageError
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


class StoppedBySignal(SystemExit):
    """A signal has ended what was going on, and nothing is left to say: the exit code is that of the signal."""


def exit_code_of(call: Callable[[], Any], *, as_json: bool = False) -> int:
    """The exit code of `call`. Errors go to standard error; a traceback never does. `as_json`: also to standard output,
    as the one `error` that is its last line."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            # A terminal that cannot show `→` gets a `?` instead of a crash.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = call()
    except click.UsageError as error:
        return _say(error, lambda e: error_lines(_usage(e), _paint()), error.exit_code, as_json)
    except click.ClickException as error:
        return _say(error, lambda e: block("", e.format_message(), (), "", _paint()), error.exit_code, as_json)
    except (click.Abort, KeyboardInterrupt) as error:
        return _say(error, lambda _: ["stopped"], Exit.INTERRUPTED, as_json)
    except StoppedBySignal as stopped:
        return _say(stopped, lambda _: [], int(stopped.code or Exit.INTERRUPTED), as_json)
    except ProvisionError as error:
        return _say(error, lambda e: [*error_lines(e, _paint()), *_lost()], error.exit_code, as_json)
    except Bug as bug:
        log = bug.log
        return _say(bug.__cause__ or bug, lambda e: _bug(e, log), Exit.FAILED, as_json, log)
    except Exception as error:
        if is_system_error(error):
            log = log_bug(error, "error")
            return _say(error, lambda e: _refused(e, log), Exit.FAILED, as_json)
        log = log_bug(error)
        return _say(error, lambda e: _bug(e, log), Exit.FAILED, as_json, log)
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


def _usage(error: click.UsageError) -> UsageError:
    message = _no_such_option(error) if isinstance(error, click.NoSuchOption) else error.format_message()
    # click writes sentences, "No such option: --foo", and choices below each other.
    message = " ".join(message.split())
    message = (message[:1].lower() + message[1:]).rstrip(".").replace(" '", " `").replace("'", "`")
    path = error.ctx.command_path if error.ctx else "provision"
    if isinstance(error, click.NoSuchOption) and error.option_name in _OF_COMMANDS and _is_group(error.ctx):
        return UsageError(message, hint=f"it stands behind the command: {path} COMMAND {error.option_name}")
    return UsageError(message, hint=f"{path} --help")


#: Options that a group does not have, and that most commands do (provision.cli.options).
_OF_COMMANDS = ("--json", "--limit", "-v", "--verbose", "-q", "--quiet", "--no-color")


def _is_group(context: click.Context | None) -> bool:
    return context is not None and isinstance(context.command, click.Group)


def _no_such_option(error: click.NoSuchOption) -> str:
    """In our own words: every release of click has others."""
    return f"no such option `{error.option_name}`{did_you_mean(error.option_name, error.possibilities or (), '; ')}"


def _refused(error: Exception, log: str) -> list[str]:
    return [*error_lines(explained(error), _paint()), *([f"log: {log}"] if log else []), *_lost()]


def _bug(error: BaseException, log: str) -> list[str]:
    lines = block("", f"{type(error).__name__}: {error}", (), "", _paint())
    lines[0] = lines[0].replace("error:", "bug:", 1)
    return [*lines, *([f"hint: {_REPORT} {log}"] if log else [])]


_REPORT = "please report it; the traceback is in"


def _lost() -> list[str]:
    """What may be the cause of much: files named without their folder are nowhere then."""
    return [] if here() else ["note: the working directory was deleted or is not accessible: `cd` to another one"]


def _say(
    error: BaseException, words: Callable[[Any], list[str]], code: int, as_json: bool = False, log: str = ""
) -> int:
    if as_json and not output_is_closed():
        with suppress(Exception):
            from provision.render.jsonl import error_line

            Out(sys.stdout).line(error_line(_as_our_own(error, log), code))
    try:
        Out(sys.stderr).lines(words(error))
    except Exception:
        last_words(error)
    return code


def _as_our_own(error: BaseException, log: str) -> ProvisionError:
    """The same for programs. `log`: of a bug."""
    if isinstance(error, ProvisionError):
        return error
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return ProvisionError(error.format_message())
    if isinstance(error, (click.Abort, KeyboardInterrupt, StoppedBySignal)):
        return Cancelled("stopped")
    if is_system_error(error):
        return explained(error)
    return ProvisionError(f"bug: {type(error).__name__}: {error}", hint=f"{_REPORT} {log}" if log else "")


def _paint() -> Paint:
    try:
        no_color = "--no-color" in sys.argv[1:]
        return Paint(wants_colour(os.environ, tty=sys.stderr.isatty(), no_color=no_color))
    except Exception:
        return PLAIN
