"""With `--json` every command answers every failure with the one error document, as its last line, once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from provision.cli.asks_json import asks_json
from provision.cli.exit_code import Bug, StoppedBySignal
from provision.cli.group import provision
from provision.cli.page import COMMANDS
from provision.core.errors import ProvisionError

SCHEMA = Path(__file__).parents[3] / "docs/report.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))

Call = Callable[..., Result]


def told(result: Result) -> dict[str, Any]:
    """The only line, which is an error as the schema has it."""
    (line,) = result.stdout.splitlines()
    document: dict[str, Any] = json.loads(line)
    VALIDATOR.validate(document)
    assert (document["event"], document["exit_code"]) == ("error", result.exit_code)
    return document["error"]


@pytest.mark.parametrize("words", ["--frobnicate --json", "--json --frobnicate"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_no_command_has(call: Call, command: str, words: str) -> None:
    result = call(command, *words.split())
    error = told(result)
    assert (result.exit_code, error["kind"]) == (2, "UsageError")
    first, hint = result.stderr.splitlines()
    assert (first, hint) == (f"error: {error['message']}", f"hint: {error['hint']}")
    assert error["message"].startswith("no such option `--"), "or the command has no `--json` either"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("chekc --json", "there is no command `chekc`"),
        ("--json up", "no such option `--json`"),
        ("model deploy --json", "missing argument `NAME`"),
        ("export --json", "missing argument"),
        ("export tarball --json", "invalid value for"),
        ("logs --json --level loud", "invalid value for `--level`"),
        ("lab up --hosts 0 --json", "invalid value for `--hosts`"),
        ("lab up --docker --podman --json", "`--docker` and `--podman` exclude each other"),
        ("up --json a.yaml b.yaml", "got unexpected extra argument"),
        ("status --interval soon --json", "invalid value for `--interval`"),
        ("up -v -q --json", "-v and -q contradict each other"),
        ("ssh --json", "no host is named"),
        ("exec --json", "no inventory"),
        ("check --json --only everything", "--only: there is no area `everything`"),
    ],
)
def test_what_a_command_line_has_wrong(call: Call, words: str, message: str) -> None:
    result = call(*words.split())
    assert told(result)["message"].startswith(message)
    assert result.exit_code == 2 and message in result.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("lock --json --diff a", "provision lock --help"),
        ("check --json --all=1", "provision check --help"),
        ("lab up --docker --podman --json", "provision lab up --help"),
        ("--json check", "it stands behind the command: provision COMMAND --json"),
        ("lab --json status", "it stands behind the command: provision lab COMMAND --json"),
        ("--frobnicate --json", "provision --help"),
    ],
)
def test_the_hint_is_of_the_command_that_it_is_about(call: Call, words: str, hint: str) -> None:
    assert told(call(*words.split()))["hint"] == hint


@pytest.mark.parametrize("words", ["up --frobnicate", "logs --grep --json --frobnicate", "exec --frob -- ls --json"])
def test_who_has_not_asked_for_it_gets_none(call: Call, words: str) -> None:
    result = call(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("up --json", True),
        ("logs -n 5 --json", True),
        ("lab up --name x --json", True),
        ("lab up --name --json", False),
        ("env a.yaml head -- ray --json", False),
        ("exec -- --json", False),
        ("chekc a --json", True),
        ("lock --diff a --json", False),
        ("lock --diff a b --json", True),
        ("logs -fn --json", False),
        ("logs -fn5 --json", True),
        ("logs -fn 5 --json", True),
        ("logs --lines=5 --json", True),
        ("bundle -qo --json", False),
        ("bundle -vq --json", True),
        ("", False),
    ],
)
def test_whether_it_was_asked_for(words: str, asked: bool) -> None:
    assert asks_json(provision, words.split()) is asked


def test_a_command_that_cannot_be_loaded_is_told_as_well(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "provision.cli.trust", None)
    result = call("trust", "--json")
    assert result.exit_code == 1
    assert told(result)["message"].startswith("bug: ModuleNotFoundError: ")


@pytest.mark.parametrize(
    ("raised", "code", "kind", "message"),
    [
        (ProvisionError("it failed"), 1, "ProvisionError", "it failed"),
        (OSError(28, "No space left on device", "/srv/x"), 1, "ProvisionError", "`/srv/x`: no space left on device"),
        (RuntimeError("oh"), 1, "ProvisionError", "bug: RuntimeError: oh"),
        (Bug("/srv/x.log"), 1, "ProvisionError", "bug: Bug: /srv/x.log"),
        (KeyboardInterrupt(), 130, "Cancelled", "stopped"),
        (click.Abort(), 130, "Cancelled", "stopped"),
        (StoppedBySignal(143), 143, "Cancelled", "stopped"),
        (click.ClickException("it cannot be"), 1, "ProvisionError", "it cannot be"),
    ],
)
def test_whatever_else_ends_a_command(
    call: Call, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, kind: str, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("provision.lab.lab.Lab.status", fail)
    result = call("lab", "status", "--json")
    error = told(result)
    assert (result.exit_code, error["kind"], error["message"]) == (code, kind, message)
