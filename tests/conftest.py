"""What holds for all tests: what they need is there or they are skipped, they run side by side, those that take minutes
first, and several runs on one machine do not meet."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import machine
import pytest
import scratch
from hypothesis import HealthCheck, settings

# For what `benchmarks` has. At the end: `provision` is the one that is installed, with all that only that one has.
sys.path.append(str(Path(__file__).parents[1]))

# On a busy machine everything is slow; how fast things are is for benchmarks. What a run says is of the code and the
# machine, not of luck: everyone's examples are the same. `make long` draws others.
settings.register_profile("same", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("drawn", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")

#: Folders whose files take turns, each spread over all the time that they take: those of one compute, with real Ray and
#: vLLM, while those of the other wait for hosts. What takes no more than a moment comes last.
IN_TURN = ("cluster", "hosts")


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    # Set on some machines, it would hide bytecode that provision writes where it should not.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # What a shell starts in the background ignores both, and so would all that tests start and then interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if not is_worker(config):
        config.stash[PLACE] = place = machine.own_labs()
        if os.geteuid() == 0 and not config.option.collectonly:
            scratch.mount(place)


PLACE = pytest.StashKey[Path]()


def pytest_unconfigure(config: pytest.Config) -> None:
    if place := config.stash.get(PLACE, None):
        machine.remove_labs(place)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=turns(items))
    if config.option.collectonly:
        return
    needs = {item: machine.needs_of(item) for item in items}
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        machine.prepare(dict.fromkeys(need for found in needs.values() for need in found), say)
    for item, found in needs.items():
        if reasons := [why for need in found if (why := machine.lacks(need))]:
            item.add_marker(pytest.mark.skip(reason="; ".join(dict.fromkeys(reasons))))


def turns(items: list[pytest.Item]) -> Callable[[pytest.Item], float]:
    """When the file of a test has its turn: how much of its folder comes before it."""
    files: dict[str, list[Path]] = {folder: [] for folder in IN_TURN}
    for path in dict.fromkeys(item.path for item in items):
        files.get(folder_of(path), []).append(path)
    turn = {path: place / len(paths) for paths in files.values() for place, path in enumerate(paths)}
    return lambda item: turn.get(item.path, 1.0)


def folder_of(path: Path) -> str:
    return path.relative_to(machine.TESTS).parts[0] if path.is_relative_to(machine.TESTS) else ""


@pytest.fixture
def open_path() -> Iterator[Path]:
    """As `tmp_path`, for other users to reach, too: the folders above that one are closed by every run that begins
    beside this one."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI, where everything is there, a skipped test is a failed one: it would look like one that passed."""
    report = yield
    return report if hasattr(report, "wasxfail") else not_skipped_in_ci(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """The same, of a module that is skipped as a whole."""
    report = yield
    return not_skipped_in_ci(report)


def not_skipped_in_ci(report):
    if report.skipped and os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
        why = report.longrepr[2].removeprefix("Skipped: ")
        if not why.startswith(machine.EXPECTED):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI: {why}"
    return report
