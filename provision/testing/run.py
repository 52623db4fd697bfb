"""`provision check --tests`: a person's own tests in a pytest of their own, and their results as findings.

A process of its own, because tests may do anything with theirs; it takes nothing from a pytest.ini near them, nor
leaves anything beside them.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from provision.core.errors import Cancelled, ProvisionError, UsageError
from provision.core.events import Listener, Note, silent
from provision.core.person import here
from provision.core.report import Report
from provision.core.secret import Secret
from provision.testing.fold import Results, folded, with_tests
from provision.testing.options import INSTALL
from provision.testing.results import Outcome, loads
from provision.transport.handover import give

__all__ = ["Results", "require_tests", "run_tests", "tested", "with_tests"]

#: Which files of a folder hold tests: pytest's own patterns, and what people call such files.
FILES = "test_*.py *_test.py *checks.py"

# Exit codes of pytest that mean that it ran: all passed, some failed, nothing was collected.
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_PASSED, _FAILED, _NOTHING = 0, 1, 5

# How often a caller's cancel is looked at, and how long pytest may take to end then (seconds).
_LOOK = 0.2
_GRACE = 10.0


def require_tests(folder: Path) -> None:
    """Raises UsageError if there is no such folder (or file), ProvisionError if pytest or testinfra is missing:
    worth saying before any host is contacted."""
    if not folder.is_absolute() and here() is None:  # `.` itself is still there, and nothing in it
        raise UsageError(f"`{folder}` is relative to a working directory that no longer exists")
    if not folder.exists():
        raise UsageError(f"`{folder}` does not exist", hint=f"a folder of tests ({FILES}), or one file of them")
    missing = [name for name in ("pytest", "testinfra") if find_spec(name) is None]
    if missing:
        raise ProvisionError(f"own tests need {' and '.join(missing)}, not installed here", hint=INSTALL)


def tested(
    report: Report,
    inventory_path: Path,
    folder: Path,
    listener: Listener | None,
    cancel: threading.Event | None,
    sudo_password: Secret | None,
) -> Report:
    """`report` with the results of a person's own tests. Tests that cannot be run at all are an error of the run: what
    was found on the hosts is reported all the same."""
    hosts = [host.name for host in report.hosts]
    try:
        results = run_tests(
            inventory_path,
            folder,
            hosts=hosts,
            listener=listener or silent,
            cancel=cancel,
            sudo_password=sudo_password,
        )
    except ProvisionError as error:
        return report.with_errors(error)
    return with_tests(report, results)


def run_tests(
    inventory_path: Path,
    folder: Path,
    *,
    hosts: Sequence[str] = (),
    listener: Listener = silent,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Results:
    """Runs the tests in `folder` (or a file) on the inventory's hosts. `hosts`: names, none for all. `sudo_password`:
    instead of the one that the inventory names.

    Raises as `require_tests`; UsageError if there are no tests; ProvisionError, with what pytest said, if they cannot
    be collected or pytest itself failed; Cancelled.
    """
    require_tests(folder)
    listener(Note("", f"running the tests in `{folder}`"))
    with tempfile.TemporaryDirectory(prefix="provision-tests-") as made:
        written, output = Path(made) / "results", Path(made) / "output"
        written.touch()
        command = _command(inventory_path, folder, hosts, written)
        code = _pytest(command, output, cancel or threading.Event(), sudo_password)
        results = loads(written.read_text(encoding="utf-8"))
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    by_hand = shlex.join(["pytest", "--inventory", str(inventory_path), str(folder)])
    broken = [result for result in results if result.outcome is Outcome.UNCOLLECTED]
    if broken:
        raise ProvisionError(
            f"`{folder}`: {broken[0].id or 'the tests'} cannot be loaded: {broken[0].message}",
            evidence=broken[0].evidence,
            hint=by_hand,
        )
    if code == _NOTHING:
        raise UsageError(f"`{folder}` holds no tests", hint=f"functions `test_…` in files called {FILES}")
    if code not in (_PASSED, _FAILED):
        evidence = [line for line in lines if line.strip()][-20:]
        raise ProvisionError(f"pytest ended with exit code {code}", evidence=evidence, hint=by_hand)
    return folded(results, inventory_path, _root(folder))


def _root(folder: Path) -> Path:
    return folder if folder.is_dir() else folder.parent


def _command(inventory_path: Path, folder: Path, hosts: Sequence[str], results: Path) -> list[str]:
    root = str(_root(folder).absolute())
    limit = ["--provision-inventory-limit", ",".join(hosts)] if hosts else []
    return [
        *(sys.executable, "-m", "pytest", "-q", "--color=no", "--tb=short", "-p", "no:cacheprovider"),
        *("-p", "provision.testing", "--import-mode=importlib", "-c", os.devnull, "--rootdir", root),
        *("-o", f"python_files={FILES}", "-o", f"pythonpath={shlex.quote(root)}"),
        *("--provision-inventory", str(inventory_path), "--provision-results", str(results), *limit),
        str(folder),
    ]


def _pytest(command: Sequence[str], output: Path, cancel: threading.Event, sudo_password: Secret | None) -> int:
    """Its exit code. Raises Cancelled, once it has ended."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with output.open("wb") as file, _handed(sudo_password) as handed:
        process = subprocess.Popen(
            [*command, *(f"--provision-sudo-password-fd={descriptor}" for descriptor in handed)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            # pytest wants a working folder; the one that we were started in may have been deleted.
            cwd=here() or output.parent,
            pass_fds=handed,
        )
    try:
        while process.poll() is None and not cancel.wait(_LOOK):
            pass
    finally:
        _end(process)
    if cancel.is_set():  # Ctrl-C may have ended it before us: it is in the same foreground group
        raise Cancelled("cancelled while the tests ran")
    return process.returncode


@contextmanager
def _handed(secret: Secret | None) -> Iterator[tuple[int, ...]]:
    """The descriptor to read it from; none for none."""
    if secret is None:
        yield ()
        return
    descriptor = give(secret)
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that it closes its connections; the hosts end what ran over them in any case."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
