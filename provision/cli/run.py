"""One run of the library from the command line: views around it, signals into it, an exit code out of it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from provision.cli.exit_code import Bug
from provision.cli.find import find_inventory
from provision.cli.given import complete_commands, given_here, given_of
from provision.cli.options import RunOptions, require_proofs
from provision.cli.question import asker, on_a_terminal
from provision.cli.signals import Interrupts, interrupts
from provision.cli.system_errors import explained, is_system_error
from provision.core.commands import Given
from provision.core.errors import NoHome, ProvisionError
from provision.core.events import Event, Listener, Note, RunStarted
from provision.core.exits import ANSWERED
from provision.core.paths import MOVE
from provision.core.report import Report
from provision.core.room import way_out
from provision.core.values import dataclass
from provision.render import recap
from provision.render.commands import completed_error, completed_report, completing
from provision.render.fanout import Fanout
from provision.render.jsonl import error_line, report_line
from provision.render.log import RunLog, log_dir
from provision.render.screen import Screen
from provision.render.sizing import sizing_lines
from provision.render.text import clean
from provision.render.timings import timing_lines


@dataclass(frozen=True)
class Watched:
    """What a call of the library needs of its surroundings. `log` is None if no log file could be made."""

    listener: Listener
    interrupts: Interrupts
    log: RunLog | None
    held: Callable[[], AbstractContextManager[None]]

    def end(self) -> None:
        """Closes the log: Python warns of a file that is left to it, with a traceback where warnings are errors."""
        if self.log:
            self.log.end()


def run(command: str, call: Callable[..., Report], asked: RunOptions, *, secrets: bool = True, **extra: Any) -> int:
    """As `reported`; the exit code."""
    return reported(command, call, asked, secrets=secrets, **extra).exit_code


def reported(
    command: str,
    call: Callable[..., Report],
    asked: RunOptions,
    *,
    secrets: bool = True,
    everything: bool = False,
    ask: bool = False,
    finish: Callable[[Report, str], Report] | None = None,
    **extra: Any,
) -> Report:
    """Runs `call(inventory, …)` of the library and shows it, to the end. `secrets`: whether those that the
    inventory names must be there. `everything`: as for `show`. `ask`: whether a person is asked before a model stops
    answering. `finish` is given the report and the cluster's name, and returns the report. Raises ProvisionError or
    SystemExit for what ends a run whole."""
    from provision import api
    from provision.cli.password import ask_sudo_password
    from provision.inventory.limit import select

    screen, given = asked.screen(), given_of(asked)
    with complete_commands(given):
        path = find_inventory(asked.inventory, os.environ)
        inventory = api.load(path, require_secrets=secrets, require_files=secrets)
        require_proofs(extra.get("skip", ()), asked.playbook or inventory.playbook)
        limit = select(inventory, asked.limit)
        password = ask_sudo_password() if asked.ask_sudo_password else None
        with watched(screen, command, inventory.cluster, given=given) as watch:
            if ask and on_a_terminal():
                extra["agree"] = asker(watch.held, watch.interrupts.cancel)
            report = call(
                inventory,
                playbook=asked.playbook,
                limit=limit,
                listener=watch.listener,
                cancel=watch.interrupts.cancel,
                sudo_password=password,
                **extra,
            )
    code = watch.interrupts.exit_code
    report = completed_report(replace(report, exit_code=report.exit_code if code is None else code), given)
    if watch.log:
        report = replace(report, log=str(watch.log.path))
    if finish is not None:
        report = finish(report, inventory.cluster)
    if watch.log:
        watch.log.report(report)
    show(report, screen, again(given, extra), everything=everything, timings=asked.timings)
    if watch.log and (watch.log.failed or report.exit_code not in ANSWERED):
        screen.complain(_where(watch.log))
    watch.end()
    return report


def again(given: Given, extra: Mapping[str, Any]) -> str:
    """The `up` that does what this run was asked about: of these hosts, by this playbook, as deeply, without the proofs
    that were left out."""
    words = ["--deep"] if extra.get("deep") else []
    words += [word for proof in extra.get("skip", ()) for word in ("--skip", proof)]
    words += ["--no-wait"] if extra.get("wait") is False else []
    return given.command(" ".join(("provision up", shlex.join(words))).rstrip())


@contextmanager
def watched(
    screen: Screen, command: str, cluster: str, *, cancels: bool = True, given: Given | None = None
) -> Iterator[Watched]:
    """Views, a log file and signal handlers around a run. An error is said here, with the log's path after it,
    and becomes SystemExit; if a signal brought it about, with the signal's exit code. `cancels`: whether what
    runs within heeds the cancel event; otherwise Ctrl-C is Python's own."""
    log = _open_log(screen, command, cluster)
    known = given or given_here()
    path = str(log.path) if log else ""
    state = Interrupts()
    try:
        with (
            Fanout([*([log] if log else []), *screen.views()]) as fanout,
            interrupts(state, _say(screen, fanout), cursor=screen.live) if cancels else nullcontext(),
        ):
            yield Watched(_with_log(completing(fanout, known), path), state, log, fanout.held)
    except Exception as raised:
        if not isinstance(raised, ProvisionError) and not is_system_error(raised):
            if log:
                log.traceback(raised)
                log.end()
                raise Bug(path) from raised
            raise
        error = completed_error(raised if isinstance(raised, ProvisionError) else explained(raised), known)
        code = state.exit_code or error.exit_code
        screen.json(error_line(error, code))
        screen.error(error)
        if log:
            log.traceback(raised)
            screen.complain(_where(log))
            log.end()
        raise SystemExit(code) from None


def show(report: Report, screen: Screen, again: str, *, everything: bool = False, timings: bool = False) -> None:
    """The end of a run. `again`: the command that fixes drift. `everything`: all facts of a check, not only
    those that differ. `timings`: where the time went."""
    if screen.as_json:
        screen.json(report_line(report))
    else:
        screen.say(*_apart(_found(report, screen, everything=everything)))
    failures = recap.failure_lines(report, screen.err_paint)
    if screen.quiet:
        failures = recap.quiet_lines(report, screen.err_paint, now=time.time())
    screen.complain([*([""] if failures and not screen.quiet else []), *failures])
    if not screen.as_json:
        if timings:
            screen.say(*_apart(timing_lines(report.timings, screen.paint, width=screen.width)))
        screen.say(
            "", *recap.outcome_lines(report, screen.paint, width=screen.width), recap.last_line(report, again=again)
        )


def _found(report: Report, screen: Screen, *, everything: bool) -> list[str]:
    """How the hosts fared, and what was found on them."""
    table = recap.recap_lines(report, screen.paint, verbose=screen.verbose)
    if report.command == "check":
        now = time.time()
        found = recap.check_lines(report, screen.paint, now=now, everything=everything, width=screen.width)
    else:
        found = recap.warning_lines(report, screen.paint)
        if report.command == "plan" and report.sizing is not None:
            found = [*sizing_lines(report.sizing, screen.paint), *_apart(found)]
    return [*table, *_apart(found)]


def _apart(lines: list[str]) -> list[str]:
    return ["", *lines] if lines else []


def _open_log(screen: Screen, command: str, cluster: str) -> RunLog | None:
    try:
        return RunLog(log_dir(cluster), command)
    except (OSError, NoHome) as error:
        # A read-only home must not keep anyone from looking at their hosts.
        why = error if isinstance(error, ProvisionError) else explained(error)
        screen.complain([f"warning: no log file: {clean(why.message)}", f"hint: {why.hint or MOVE}"])
        return None


def _where(log: RunLog) -> list[str]:
    """Where more can be read, or why it cannot."""
    if log.failed:
        hint = way_out(log.error, log.path, MOVE) if log.error else MOVE
        return [f"warning: the log file {log.path} is not whole: {log.failed}", f"hint: {hint}"]
    return [f"log: {log.path}"]


def _say(screen: Screen, fanout: Fanout) -> Callable[[str], None]:
    """Something to tell the person who pressed Ctrl-C; safe in a signal handler, where a stream's lock may be
    held by the very thread that was interrupted."""

    def say(text: str) -> None:
        fanout(Note("", text))
        if screen.as_json or screen.quiet:
            with suppress(OSError):
                os.write(2, f"{text}\n".encode())

    return say


def _with_log(listener: Listener, path: str) -> Listener:
    def listen(event: Event) -> None:
        listener(replace(event, log=path) if isinstance(event, RunStarted) else event)

    return listen


def existing(path: Path) -> str:
    """As a person would name it: relative where it is below the working directory."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working directory is gone
        return str(path)
