"""Commands in messages name the inventory that was given, and keep the options of the run."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import Result

import provision as package
from provision import api
from provision.cli.page import COMMANDS
from provision.core import events
from provision.core.commands import PASSWORD, VALUES, Given
from provision.core.errors import LockError, NameNotFound, ProvisionError
from provision.core.finding import Finding, Severity
from provision.core.plan import BY_UP, Mode, Plan
from provision.core.report import HostReport, Report
from provision.inventory.models import Inventory

Call = Callable[..., Result]

FOLDER = Path(package.__file__).parent
TYPED = re.compile(r"`(provision [a-z][^`]*)`")

GIVEN = Given("my cluster.yaml", "own play.py", ("gpu-0*", "head"), ask_sudo_password=True)


@pytest.mark.parametrize(
    ("bare", "complete"),
    [
        ("provision smoke", "provision smoke 'my cluster.yaml' --ask-sudo-password"),
        ("provision lock --check", "provision lock 'my cluster.yaml' --check"),
        (
            "provision up --deep",
            "provision up 'my cluster.yaml' --deep "
            "--limit 'gpu-0*' --limit head --playbook 'own play.py' --ask-sudo-password",
        ),
        (
            "provision check --limit gpu-07 --playbook p.py",
            "provision check 'my cluster.yaml' --limit gpu-07 --playbook p.py --ask-sudo-password",
        ),
        ("provision firewall --format iptables", None),
        ("provision trust", "provision trust 'my cluster.yaml' --limit 'gpu-0*' --limit head"),
        ("provision unlock --why 'she is away'", None),
    ],
)
def test_a_command_is_given_the_inventory_and_what_it_does_not_say_itself(bare: str, complete: str | None) -> None:
    typed = GIVEN.command(bare)
    assert shlex.split(typed)[2] == "my cluster.yaml"
    assert complete is None or typed == complete
    assert GIVEN.command(typed) == typed, "twice is once"


@pytest.mark.parametrize(
    "typed",
    [
        "provision up other.yaml",
        "provision check --only gpus INVENTORY",
        "provision init",
        "provision lab down --name a",
        "provision lock --diff a.lock b.lock",
        "provision up 'not closed",
        "provision",
    ],
)
def test_one_that_names_an_inventory_or_takes_none_stays_as_it_is(typed: str) -> None:
    assert GIVEN.command(typed) == typed


def test_without_an_inventory_nothing_is_made_up() -> None:
    assert Given(limit=("a",)).text("`provision up` fixes it") == "`provision up` fixes it"


def test_only_what_can_be_typed_is_completed() -> None:
    said = "provision up says `that` of `provision down`, which `provision`"
    assert Given("a.yaml").text(said) == "provision up says `that` of `provision down a.yaml`, which `provision`"
    assert Given("a.yaml").hint("provision check") == "provision check a.yaml"


def commands() -> Iterator[tuple[str, click.Command]]:
    for name, entry in COMMANDS.items():
        module, _, place = entry.place.partition(":")
        command = getattr(import_module(module), place)
        # Of `export`, something else stands there: it is shown as it was written.
        if next((p.name for p in command.params if isinstance(p, click.Argument)), "") == "inventory":
            yield name, command


def test_the_table_of_options_is_that_of_the_commands() -> None:
    found = dict(commands())
    assert {*found} == {*VALUES}
    for name, command in found.items():
        options = [p for p in command.params if isinstance(p, click.Option) and not p.is_flag]
        assert {opt for p in options for opt in p.opts} == {*VALUES[name]}, name
        assert any(p.name == "ask_sudo_password" for p in command.params) == (name in PASSWORD), name


@cache
def literals() -> list[tuple[str, str]]:
    """(where, text): everything that the package says. Docstrings, and pages of `--help`, are not said by a run."""
    return [*_literals()]


def _literals() -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.rglob("*.py")):
        if path.parts[-2:-1] == ("cli",) and path.name == "page.py":
            continue
        tree = ast.parse(path.read_text())
        nodes = [*ast.walk(tree)]
        docs = {
            id(node.body[0].value)
            for node in nodes
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
                yield f"{path.name}:{node.lineno}", node.value
            elif isinstance(node, ast.JoinedStr):
                # What is filled in is one word, or several: it is quoted by whoever wrote it.
                said = "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
                yield f"{path.name}:{node.lineno}", said
    for path in sorted(FOLDER.glob("diagnosis/signatures/*.yaml")):
        for entry in yaml.safe_load(path.read_text()):
            yield f"{path.name}:{entry['id']}", re.sub(r"\{\w+\}", "X", f"{entry['cause']} {entry['fix']}")


def test_every_command_that_is_named_anywhere_can_be_completed_and_typed() -> None:
    """Whatever the package says to type, click accepts with the inventory in it; FILE and INVENTORY are words too."""
    known = dict(commands())
    said = [(where, typed) for where, text in literals() for typed in TYPED.findall(text)]
    to_complete = [(where, typed) for where, typed in said if typed.split()[1] in VALUES]
    assert len(to_complete) > 60, "the commands are not found any more"
    for where, bare in to_complete:
        typed = GIVEN.command(bare)
        verb, *words = shlex.split(typed)[1:]
        context = known[verb].make_context(verb, words, resilient_parsing=False)
        assert context.params["inventory"] in (GIVEN.inventory, "INVENTORY", "cluster.yaml"), (where, typed)


def test_a_command_is_named_in_backticks_where_it_is_to_be_typed() -> None:
    """Otherwise nothing completes it. A hint that is nothing but a command needs none."""
    loose = re.compile(r"provision (?:" + "|".join(VALUES) + r")\b(?! (?:X|[a-z]+\.yaml))")
    found = [
        (where, text)
        for where, text in literals()
        if not text.startswith(("provision ", "  provision ")) and loose.search(re.sub(r"`[^`]*`", "", text))
    ]
    assert found == []


@pytest.fixture
def cluster(folder: Path) -> Path:
    path = folder / "my cluster.yaml"
    path.write_text("cluster: llama\nhosts: {gpu-01: {address: 192.0.2.1, role: head}}\n")
    return path


def bare_commands(text: str) -> list[str]:
    found = re.findall(r"`(provision [a-z]+[^`]*)`", text) + re.findall(r"hint: (provision [^\n]*)", text)
    return [typed for typed in found if "my cluster.yaml" not in typed]


def a_report(inventory: Inventory, command: str) -> Report:
    drift = Finding("gpu-01", "packages", "attrs", Severity.DRIFT, found="1", expected="2", hint=BY_UP)
    other = Finding("gpu-01", "files", "x", Severity.DRIFT, said="it differs", hint="`provision up --deep` fixes it")
    blocks = Finding("gpu-01", "services", "b", Severity.BLOCKS, said="b", hint="provision unlock --why X")
    failed = NameNotFound("gpu-01", "run `provision trust`", hint="provision check")
    host = HostReport("gpu-01", "failed", (), (failed,), 0.1)
    return Report(
        command, Mode.UP, Plan(Mode.UP, (), (blocks,), ()), (host,), findings=(drift, other, blocks),
        remarks=("`provision firewall --apply` closes them",), outcome=("then `provision smoke`",), exit_code=1,
    )  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--json",), ("-q",)])
@pytest.mark.parametrize("command", ["up", "check", "plan", "down"])
def test_whatever_a_run_says_names_the_inventory_and_keeps_the_options(
    cluster: Path, call: Call, monkeypatch: pytest.MonkeyPatch, command: str, options: tuple[str, ...]
) -> None:
    def called(inventory: Inventory, listener: Any, **_: Any) -> Report:
        listener(events.RunStarted("", command, inventory.cluster, ("gpu-01",)))
        listener(events.Note("", "then `provision check`"))
        listener(events.Failed("gpu-01", "X", "`provision lock` first", (), "provision up"))
        return a_report(inventory, command)

    monkeypatch.setattr(api, command, called)
    result = call(command, "my cluster.yaml", "--limit", "head", *options)
    assert "my cluster.yaml" in result.output
    assert bare_commands(result.output) == []
    if command != "down" and not options:
        assert "--limit head" in result.output
    log = next((Path.cwd().parent / "state").rglob("*.log")).read_text()
    assert bare_commands(log) == []


def test_so_does_an_error_that_ends_it(cluster: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Report:
        raise LockError("the lock is broken: `provision lock`", hint="provision check --deep")

    monkeypatch.setattr(api, "up", broken)
    assert (
        "hint: provision check 'my cluster.yaml' --deep --playbook p.py\n"
        in call("up", "my cluster.yaml", "--playbook", "p.py").stderr
    )


@pytest.mark.parametrize("command", ["prune", "unlock", "smoke", "bench", "lock", "trust", "firewall"])
def test_so_does_every_other_command(cluster: Path, call: Call, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ProvisionError("see `provision check`", hint="provision up")

    for name in ("prune", "unlock", "smoke", "bench", "lock", "firewall"):
        monkeypatch.setattr(api, name, broken)
    monkeypatch.setattr("provision.transport.trust.scan", broken)
    monkeypatch.setenv("PROVISION_INVENTORY", str(cluster))
    result = call(command, *(("--why", "x") if command == "unlock" else ()))
    assert "my cluster.yaml" in result.stderr
    assert bare_commands(result.output) == []
