"""What the command line makes of the library's outcomes. The library's four functions are replaced: they open
connections."""

import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision import api
from provision.core import events
from provision.core.errors import NameNotFound, PlaybookError
from provision.core.plan import Mode, make_plan
from provision.core.report import HostReport, Report
from provision.core.timing import Span, Timings
from provision.inventory.models import Inventory

Call = Callable[..., Result]


def a_report(inventory: Inventory, code: int = 0, status: str = "ok", **changed: Any) -> Report:
    hosts = tuple(HostReport(h.name, status, (), (), 1.0) for h in inventory.hosts)
    plan = make_plan(Mode.UP, [], {})
    return Report(**{"command": "up", "mode": Mode.UP, "plan": plan, "hosts": hosts, "exit_code": code, **changed})


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    def replace(name: str, answer: Callable[..., Report]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def called(inventory: Inventory, **options: Any) -> Report:
            calls.append(options)
            options["listener"](events.RunStarted("", name, inventory.cluster, tuple(h.name for h in inventory.hosts)))
            return answer(inventory, **options)

        monkeypatch.setattr(api, name, called)
        return calls

    return replace


@pytest.mark.parametrize("code", [0, 1, 3, 4])
@pytest.mark.parametrize("command", ["up", "plan", "check", "down"])
def test_the_reports_exit_code_is_the_commands(
    inventory: Path, call: Call, library: Any, command: str, code: int
) -> None:
    library(command, lambda i, **_: a_report(i, code, command=command))
    assert call(command).exit_code == code


def test_a_run_with_nothing_to_do_says_so(inventory: Path, call: Call, library: Any) -> None:
    library("up", lambda i, **_: a_report(i))
    result = call("up")
    assert result.stdout.splitlines()[0] == "up: cluster llama, 2 hosts"
    assert result.stdout.splitlines()[-1] == "nothing to change (2 hosts, 0.0 s)"
    assert result.stderr == ""
    assert "\x1b" not in result.output


def test_on_failure_the_errors_and_the_path_of_the_log_go_to_standard_error(
    inventory: Path, call: Call, library: Any, tmp_path: Path
) -> None:
    gone = NameNotFound("gpu-02", "the name `gpu-02` resolves nowhere", hint="correct `address`")
    library("up", lambda i, **_: a_report(i, 4, "unreachable", errors=(gone,)))
    result = call("up")
    *error, log = result.stderr.strip().splitlines()
    assert error == ["error: gpu-02: the name `gpu-02` resolves nowhere", "hint: correct `address`"]
    path = Path(log.removeprefix("log: "))
    assert path.is_relative_to(tmp_path / "state" / "llama" / "logs")
    assert "NameNotFound: gpu-02: the name" in path.read_text()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--limit", "gpu-01", "--limit", "head"),
        ("--playbook", "my play.py"),
        ("--deep", "--ask-sudo-password"),
        ("--deep",),
    ],
)
def test_the_line_that_would_do_it_keeps_the_options(
    inventory: Path, call: Call, library: Any, options: tuple[str, ...]
) -> None:
    Path("my play.py").write_text("")
    library("plan", lambda i, **_: a_report(i, 3, command="plan"))
    last = call("plan", *options, input="x\n").stdout.splitlines()[-1]
    assert last.endswith(f"`provision up {inventory.name} {shlex.join(options)}".rstrip() + "` would do it")


def test_with_json_standard_output_is_json_alone(inventory: Path, call: Call, library: Any) -> None:
    gone = NameNotFound("gpu-02", "the name `gpu-02` resolves nowhere")
    library("up", lambda i, **_: a_report(i, 4, errors=(gone,)))
    values = [json.loads(line) for line in call("up", "--json").stdout.splitlines()]
    assert [v["event"] for v in values] == ["run-started", "report"]
    assert values[0]["log"] == values[1]["report"]["log"] != ""
    assert values[1]["report"]["errors"][0]["kind"] == "NameNotFound"


def test_with_json_an_error_that_ends_the_run_is_its_last_line(inventory: Path, call: Call, library: Any) -> None:
    def broken(_: Inventory, **options: Any) -> Report:
        raise PlaybookError("my.py:3: no `playbook`")

    library("up", broken)
    result = call("up", "--json")
    assert result.exit_code == 2
    last = json.loads(result.stdout.splitlines()[-1])
    assert (last["event"], last["exit_code"], last["error"]["kind"]) == ("error", 2, "PlaybookError")
    assert result.stderr.startswith("error: my.py:3: no `playbook`\nlog: ")


def test_quietly_only_errors_are_shown(inventory: Path, call: Call, library: Any) -> None:
    library("up", lambda i, **_: a_report(i, outcome=("http://192.0.2.1:8000/v1",)))
    assert call("up", "-q").output == ""


def test_options_reach_the_library(inventory: Path, call: Call, library: Any) -> None:
    calls = library("down", lambda i, **_: a_report(i))
    call("down", "inventory.yaml", "--limit", "gpu-*2", "--playbook", "my.py", "--purge")
    (options,) = calls
    assert (options["limit"], options["playbook"], options["purge"]) == (("gpu-02",), Path("my.py"), True)
    assert options["sudo_password"] is None


def test_the_sudo_password_comes_on_standard_input_and_stays_secret(inventory: Path, call: Call, library: Any) -> None:
    calls = library("up", lambda i, **_: a_report(i))
    result = call("up", "--ask-sudo-password", input="hunter2\n")
    assert calls[0]["sudo_password"].reveal() == "hunter2"
    assert "hunter2" not in result.output
    assert all("hunter2" not in p.read_text() for p in inventory.parents[1].rglob("*.log"))


def test_no_password_is_not_an_empty_password(inventory: Path, call: Call, library: Any) -> None:
    calls = library("up", lambda i, **_: a_report(i))
    assert call("up", "--ask-sudo-password", input="").exit_code == 2
    assert calls == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_cancels_the_run_which_ends_with_the_signals_code(
    inventory: Path, call: Call, library: Any, number: signal.Signals, code: int
) -> None:
    def run(loaded: Inventory, **options: Any) -> Report:
        assert not options["cancel"].is_set()
        signal.raise_signal(number)
        signal.raise_signal(number)  # as `timeout` does: once to the process, once to its group
        assert options["cancel"].is_set()
        return a_report(loaded, 1, "skipped")

    before = signal.getsignal(number)
    library("up", run)
    result = call("up")
    assert result.exit_code == code
    assert "stopping: ending remote processes…" in result.stdout
    assert signal.getsignal(number) is before


def test_a_bug_is_one_line_and_its_traceback_is_in_the_log(inventory: Path, call: Call, library: Any) -> None:
    def broken(_: Inventory, **options: Any) -> Report:
        raise ZeroDivisionError("division by zero")

    library("check", broken)
    result = call("check")
    assert result.exit_code == 1
    bug, hint = result.stderr.strip().splitlines()
    assert bug == "bug: ZeroDivisionError: division by zero"
    assert "Traceback" not in result.output
    assert "Traceback" in Path(hint.rpartition(" ")[2]).read_text()


def test_a_log_that_cannot_be_written_does_not_stop_a_run(
    inventory: Path, call: Call, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inventory.parent / "file").touch()
    monkeypatch.setenv("PROVISION_STATE_DIR", str(inventory.parent / "file" / "state"))
    library("check", lambda i, **_: a_report(i))
    result = call("check")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: no log file: ")


TOOK = Timings.of([Span("facts", "facts", "gpu-01", 0.0, 0.5)], 1.0)


@pytest.mark.parametrize("command", ["up", "plan", "check", "down", "restart", "rollback"])
def test_where_the_time_went_is_shown_where_it_is_asked_for(
    inventory: Path, call: Call, library: Any, command: str
) -> None:
    library(command, lambda i, **_: a_report(i, command=command, timings=TOOK))
    result = call(command, "--timings")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "where 1.0 s went; * is on the critical path" in lines[:-1]
    assert "where 1.0 s went" not in call(command).stdout
    assert call(command, "--timings", "-q").stdout == ""


def test_json_has_it_in_any_case(inventory: Path, call: Call, library: Any) -> None:
    library("up", lambda i, **_: a_report(i, timings=TOOK))
    report = json.loads(call("up", "--json").stdout.splitlines()[-1])["report"]
    assert report["timings"]["parts"][0]["seconds"] == 0.5


def test_the_page_of_an_up_is_written_and_its_place_is_looked_at_first(
    inventory: Path, call: Call, library: Any
) -> None:
    calls = library("up", lambda i, **_: a_report(i, timings=TOOK))
    result = call("up", "--html", "nowhere/up.html")
    assert (result.exit_code, calls) == (2, [])
    assert result.stderr.splitlines()[0] == "error: --html: there is no folder `nowhere`"
    assert call("up", "--html", "up.html").exit_code == 0
    assert "<section class=timings>" in Path("up.html").read_text()
    assert call("up", "--html", "-").stdout.lower().startswith("<!doctype html>")
