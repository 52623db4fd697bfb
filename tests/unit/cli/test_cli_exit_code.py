"""The handler of bugs: whatever it uses fails in its turn, and there is still one line and an exit code."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.cli import exit_code as module
from provision.cli.exit_code import Bug, exit_code_of
from provision.core.errors import ProvisionError, UsageError


class Mute(Exception):
    """One that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class MuteRefusal(OSError):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    @property
    def strerror(self) -> str:  # type: ignore[override]
        raise RuntimeError("no words")


def raising(error: BaseException) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


BROKEN: dict[str, tuple[str, Any]] = {
    "no log can be made": ("provision.render.log.RunLog.__init__", raising(OSError(28, "No space left on device"))),
    "nobody knows where logs go": ("provision.render.log.log_dir", raising(RuntimeError("no home"))),
    "the log cannot be written": ("provision.render.log.RunLog.traceback", raising(ValueError("I/O on closed file"))),
    "the log cannot be closed": ("provision.render.log.RunLog.end", raising(OSError(5, "Input/output error"))),
    "the user is unknown": ("provision.core.paths.state_dir", raising(KeyError("getpwuid(): uid not found: 12345"))),
    "errors cannot be shown": ("provision.cli.exit_code.block", raising(RecursionError("too deep"))),
    "errors cannot be listed": ("provision.cli.exit_code.error_lines", raising(MemoryError())),
    "refusals cannot be shown": ("provision.cli.exit_code.explained", raising(RuntimeError("no"))),
    "colour cannot be decided": ("provision.cli.exit_code.wants_colour", raising(ValueError("closed"))),
    "the folder cannot be seen": ("provision.cli.exit_code.here", raising(RuntimeError("no"))),
    "there is no standard error": ("sys.stderr", None),
    "there is no standard output": ("sys.stdout", None),
    "nothing can be written": ("provision.render.out.Out.lines", raising(OSError(28, "No space left on device"))),
    "not even by number": ("os.write", raising(OSError(9, "Bad file descriptor"))),
}

ERRORS: list[tuple[BaseException, int]] = [
    (KeyError("who"), 1),
    (Mute(), 1),
    (MuteRefusal(5, "x"), 1),
    (OSError(28, "No space left on device", "/x"), 1),
    (FileNotFoundError("no temporary directory"), 1),
    (UnicodeEncodeError("ascii", "ü", 0, 1, "no"), 1),
    (Bug(""), 1),
    (ProvisionError("it failed"), 1),
    (UsageError("not so"), 2),
    (KeyboardInterrupt(), 130),
]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("error", "code"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS])
def test_whatever_fails_there_is_an_exit_code(
    error: BaseException, code: int, broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(*BROKEN[broken])
    assert exit_code_of(raising(error)) == code


@pytest.mark.parametrize("broken", [name for name in BROKEN if name.startswith(("no", "the", "err", "col"))])
def test_the_bug_itself_is_still_named(
    broken: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if "standard error" in broken or "by number" in broken:
        monkeypatch.setattr(module.sys, "stderr", None)
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    if broken != "not even by number":
        monkeypatch.setattr(*BROKEN[broken])
    assert exit_code_of(raising(KeyError("who"))) == 1
    said = capfd.readouterr().err
    assert "bug: KeyError: 'who'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "ulimit -v"),
        (ImportError("x.so: failed to map segment from shared object"), "ulimit -v"),
        (ImportError("x.so: cannot create shared object descriptor: Cannot allocate memory"), "ulimit -v"),
    ],
)
def test_a_limit_that_was_reached_is_no_bug(
    error: Exception, hint: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    assert exit_code_of(raising(error)) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[0] == f"error: {str(error) or 'out of memory'}"
    assert said[1].startswith("hint: ") and hint in said[1]
    assert said[-1].endswith("-error.log"), "nor is its log called one"


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), SystemError("error return without exception set")]
)
@pytest.mark.parametrize("limited", [False, True])
def test_where_memory_is_limited_that_is_what_ran_out(
    error: Exception, limited: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    limit = 1 << 30 if limited else resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert exit_code_of(raising(error)) == 1
    said = capfd.readouterr().err
    assert ("ulimit -v" in said) is limited
    assert said.startswith("bug: ") is (not limited and isinstance(error, SystemError))


def test_all_of_it_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, instead in BROKEN.values():
        monkeypatch.setattr(place, instead)
    code = exit_code_of(raising(Mute()))
    monkeypatch.undo()
    assert code == 1


@pytest.mark.parametrize("module", ["provision.cli.group", "click"])
def test_a_broken_installation_is_said_in_a_line(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['provision', 'plan']\n"
    code += "from provision.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("bug: ModuleNotFoundError: ")
    assert "Traceback" not in done.stderr
