"""Somebody at a terminal is asked before a model stops answering; without a terminal, or with `--yes`, nobody is."""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision import api
from provision.cli import question, run
from provision.cli.question import asker, on_a_terminal
from provision.core.errors import Cancelled, Declined
from provision.core.exits import Exit
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Step
from provision.core.report import Report
from provision.core.resource import Interruption, Resource, State
from provision.core.script import Script
from provision.engine.state import Job
from provision.stack.prunable import Leftover


@dataclass(frozen=True)
class Server(Resource):
    serves: bool = True

    id = "service:vllm"
    label = "vLLM"

    def probe(self) -> Script:
        return Script(":")

    def want(self) -> State:
        return {"v": "1"}

    def fix(self, have: State, want: State) -> Script:
        return Script(":")

    def interrupted(self, have: State, differences: object) -> Interruption | None:
        return Interruption("vLLM", 34.0, self.serves)


def a_plan(mode: Mode = Mode.UP, *, serves: bool = True) -> Plan:
    step = Step("gpu-01", Server(serves))
    return make_plan(mode, [step], {step.key: {"v": "0"}})


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Types a line, or what is empty for Ctrl-D, at a terminal once the question stands."""
    ours, theirs = os.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs, encoding="utf-8"))
    real = question._line

    def types(line: str) -> None:
        def answered(cancel: threading.Event) -> str:
            os.write(ours, line.encode() or b"\x04")
            return real(cancel)

        monkeypatch.setattr(question, "_line", answered)

    yield types
    os.close(ours)


def ask(plan: Plan, cancel: threading.Event | None = None) -> None:
    asker(nullcontext, cancel or threading.Event())(plan)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.UP, "the model is restarted, and does not answer for about 34 s, as long as its last start took\n"),
        (Mode.DOWN, "the model will no longer answer: vLLM on gpu-01\n"),
        (Mode.PURGE, "to be removed: vLLM\nthe model will no longer answer: vLLM on gpu-01\n"),
    ],
)
def test_who_says_yes_is_told_what_for_and_goes_on(
    typed: Callable[[str], None], capsys: pytest.CaptureFixture[str], mode: Mode, said: str
) -> None:
    typed("y\n")
    ask(a_plan(mode))
    assert capsys.readouterr().err == f"{said}go on? [y/N] "


@pytest.mark.parametrize("line", ["n\n", "\n", "yonder\n", ""])
def test_everything_else_is_no(typed: Callable[[str], None], line: str) -> None:
    typed(line)
    with pytest.raises(Declined, match="declined: nothing was changed on any host") as declined:
        ask(a_plan())
    assert declined.value.exit_code == 6 == Exit.DECLINED


def test_what_was_typed_before_the_question_stood_is_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs, encoding="utf-8"))
    real = question._line
    os.write(ours, b"y\ny\n")
    monkeypatch.setattr(question, "_line", lambda cancel: (os.write(ours, b"n\n"), real(cancel))[1])
    with pytest.raises(Declined):
        ask(a_plan())
    os.close(ours)


def test_ctrl_c_is_not_waited_out(typed: Callable[[str], None]) -> None:
    pressed = threading.Event()
    pressed.set()
    with pytest.raises(Cancelled):
        ask(a_plan(), pressed)


def test_what_takes_no_model_down_is_not_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    ask(a_plan(serves=False))
    ask(make_plan(Mode.PURGE, [], {}))
    assert capsys.readouterr().err == ""


def test_a_pipe_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert not on_a_terminal()


@pytest.mark.parametrize("command", ["up", "down"])
@pytest.mark.parametrize(
    ("options", "terminal", "asks"), [((), True, True), (("--yes",), True, False), ((), False, False)]
)
def test_the_library_is_given_the_question_on_a_terminal_alone(
    inventory: Path,
    call: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: tuple[str, ...],
    terminal: bool,
    asks: bool,
) -> None:
    seen: list[bool] = []

    def called(_: object, **given: Any) -> Report:
        seen.append("agree" in given)
        return Report(command=command, mode=Mode.UP, plan=make_plan(Mode.UP, [], {}), hosts=())

    monkeypatch.setattr(api, command, called)
    monkeypatch.setattr(run, "on_a_terminal", lambda: terminal)
    call(command, *options)
    assert seen == [asks]


@pytest.mark.parametrize(("options", "stated"), [((), "stdout"), (("--json",), "stderr"), (("-q",), "stderr")])
def test_prune_asks_whoever_is_at_the_terminal_wherever_its_output_goes(
    inventory: Path,
    call: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    stated: str,
) -> None:
    removed: list[object] = []

    shown = (Leftover("gpu-01", "/opt/provision/envs/0", 4, "half removed"),)

    def prune(*_: object, remove: object = False, **__: object) -> tuple[Leftover, ...]:
        removed.append(remove)
        return shown

    monkeypatch.setattr(api, "prune", prune)
    monkeypatch.setattr(question, "on_a_terminal", lambda: True)
    answers = iter((False, True))
    monkeypatch.setattr(question, "agrees", lambda said, _: (sys.stderr.write(said), next(answers))[1])
    no = call("prune", *options)
    assert (no.exit_code, removed) == (Exit.DECLINED, [False])
    assert "remove 1 folder [y/N]:" in no.stderr and "/opt/provision/envs/0" in getattr(no, stated)
    assert call("prune", *options).exit_code == 0 and removed[-1] == shown


@pytest.mark.parametrize(("options", "given"), [((), {}), (("--no-wait",), {"wait": False})])
@pytest.mark.parametrize("what", ["--apply", "--remove"])
def test_firewall_waits_unless_it_is_told_not_to(
    inventory: Path,
    call: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    options: tuple[str, ...],
    given: dict[str, bool],
) -> None:
    seen: list[dict[str, bool]] = []

    def called(_: object, **has: Any) -> Report:
        seen.append({name: value for name, value in has.items() if name == "wait"})
        return Report("firewall", Mode.UP, make_plan(Mode.UP, [], {}), ())

    monkeypatch.setattr(api, "set_firewall", called)
    call("firewall", what, *options)
    assert seen == [given]
    assert call("firewall", "--no-wait").exit_code == Exit.USAGE


@pytest.mark.parametrize("wait", [True, False])
def test_the_library_hands_on_whether_firewall_waits(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    seen: list[bool] = []

    class NoRun:
        def __init__(self, job: Job, *_: object) -> None:
            seen.append(job.wait)

        def execute(self) -> None: ...

    monkeypatch.setattr(api, "Run", NoRun)
    api.set_firewall(api.load(inventory, require_secrets=False), wait=wait)
    assert seen == [wait]
