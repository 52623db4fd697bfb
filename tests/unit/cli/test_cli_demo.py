"""The order of the demo, and that it leaves nothing behind. The lab and the runs are replaced: for real they
take minutes, in tests/cluster."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision import api
from provision.core.errors import ProvisionError
from provision.core.plan import Mode, make_plan
from provision.core.report import HostReport, Report
from provision.inventory.models import Inventory
from provision.lab import LabError
from provision.lab import demo as stage
from provision.lab.ground import Ground
from provision.lab.lab import Lab, LabReport
from provision.serving import smoke

Call = Callable[..., Result]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> dict[str, Any]:
    """What happened, in order, under `done`; set a command's exit code to make it fail."""
    told: dict[str, Any] = {"done": [], "inventory": inventory}

    def run(command: str) -> Callable[..., Report]:
        def called(loaded: Inventory, **_: Any) -> Report:
            told["done"].append(command)
            changes = ("vllm",) if told["done"].count("up") == told.get("changes in up") else ()
            hosts = tuple(HostReport(h.name, "ok", changes, (), 1.0) for h in loaded.hosts)
            code = told.get(command, 0)
            return Report(command, Mode.UP, make_plan(Mode.UP, [], {}), hosts, exit_code=code)

        return called

    def note(name: str, answer: Any = None) -> Callable[..., Any]:
        return lambda *_, **__: told["done"].append(name) or answer

    # Whoever runs the tests, sshd knows this user.
    monkeypatch.setattr("provision.lab.loopback.login", lambda: "ann")
    for command in ("up", "check", "down"):
        monkeypatch.setattr(api, command, run(command))
    monkeypatch.setenv("PROVISION_LAB_DIR", str(inventory.parent / "labs"))
    monkeypatch.setattr(stage, "ready", lambda *_, **__: stage.Ready(Ground("loopback"), ("libnuma1",)))
    monkeypatch.setattr(stage, "make_lab", note("make", LabReport("demo", inventory.parent, inventory=inventory)))
    answer = smoke.Chat("http://192.0.2.1:8000/v1", "What are you?", "I am\x1b[2J tiny")
    monkeypatch.setattr(smoke, "chat", note("ask", answer))
    monkeypatch.setattr(Lab, "down", note("remove"))
    monkeypatch.setattr("provision.engine.members.forget_hosts_of", lambda path: told.update(forgotten=path))
    return told


def test_the_demo_does_the_whole_job_and_cleans_up(call: Call, steps: dict[str, Any]) -> None:
    result = call("demo")
    assert result.exit_code == 0
    assert steps["done"] == ["make", "up", "ask", "up", "check", "down", "remove"]
    assert "  < I am tiny\n" in result.stdout
    assert "\nno process, namespace, mount or rule is left\n" in result.stdout


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("venv", "Ray and vLLM across the hosts"),
        ("docker", "in containers of Docker across the hosts"),
        ("podman", "in containers of root's Podman across the hosts"),
    ],
)
def test_in_whose_containers_it_runs_is_said(call: Call, steps: dict[str, Any], runtime: str, said: str) -> None:
    assert said in call("demo", "--runtime", runtime).stdout


@pytest.mark.parametrize(
    ("command", "done"),
    [("up", ["make", "up", "remove"]), ("check", ["make", "up", "ask", "up", "check", "remove"])],
)
def test_a_step_that_fails_ends_the_demo_which_still_cleans_up(
    call: Call, steps: dict[str, Any], command: str, done: list[str]
) -> None:
    steps[command] = 1
    result = call("demo")
    assert result.exit_code == 1
    assert steps["done"] == done
    assert "is left" not in result.stdout
    assert "\ninstalled on this machine: libnuma1\n" in result.stdout
    # The next demo must not miss the hosts of this one.
    assert steps["forgotten"] == Lab(name="demo").inventory


def test_an_error_within_it_is_told_once_to_who_reads_json_and_last(
    call: Call, steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Inventory:
        raise ProvisionError("it failed", hint="provision up")

    monkeypatch.setattr(api, "load", fail)
    lines = [json.loads(line) for line in call("demo", "--json").stdout.splitlines()]
    assert [line.get("stage", line["event"]) for line in lines] == ["hosts", "up", "clean up", "error"]
    assert steps["done"] == ["make", "remove"]
    assert lines[-1]["error"]["hint"] == f"provision up {steps['inventory']}"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_the_last_line_of_who_reads_json(
    call: Call, steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    monkeypatch.setattr(smoke, "chat", lambda *_: signal.raise_signal(number))
    result = call("demo", "--json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, steps["done"]) == (code, ["make", "up", "remove"])
    assert (last["event"], last["error"]["kind"], last["exit_code"]) == ("error", "Cancelled", code)


def test_a_demo_whose_hosts_cannot_be_forgotten_says_so_and_is_done(
    call: Call, steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(28, "No space left on device", "/srv/state/demo/members.json")

    monkeypatch.setattr("provision.engine.members.forget_hosts_of", refuse)
    result = call("demo")
    assert result.exit_code == 0
    assert "\nno process, namespace, mount or rule is left\n" in result.stdout
    assert "its hosts are still kept as members of a cluster" in result.stderr


def test_a_second_up_that_changes_anything_fails_the_demo(call: Call, steps: dict[str, Any]) -> None:
    steps["changes in up"] = 2
    result = call("demo")
    assert result.exit_code == 1
    assert "error: the second `up` changed something\n  gpu-01: vllm\n  gpu-02: vllm\n" in result.stderr
    assert steps["done"][-1] == "remove"


def test_a_demo_that_fails_before_it_makes_anything_removes_nothing(
    call: Call, steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*_: Any, **__: Any) -> stage.Ready:
        raise LabError("no room")

    monkeypatch.setattr(stage, "ready", lacks)
    assert "error: no room" in call("demo").stderr
    assert steps["done"] == []


def test_a_wrong_name_is_told_as_json_too(call: Call, steps: dict[str, Any]) -> None:
    result = call("demo", "--json", "--name", "No")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["event"] == "error"


def test_what_is_kept_is_left_running_and_says_how_to_remove_it(call: Call, steps: dict[str, Any]) -> None:
    result = call("demo", "--keep")
    assert steps["done"] == ["make", "up", "ask", "up", "check"]
    assert "forgotten" not in steps
    assert "provision lab down --name demo" in result.stdout


def test_the_demo_as_json(call: Call, steps: dict[str, Any]) -> None:
    values = [json.loads(line) for line in call("demo", "--json").stdout.splitlines()]
    assert [v["stage"] for v in values if v["event"] == "stage"] == [
        "hosts", "up", "ask", "up again", "check", "down", "clean up"
    ]  # fmt: skip
    assert next(v for v in values if v["event"] == "answer")["answer"] == "I am\x1b[2J tiny"
