import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from provision.cli.group import provision
from provision.cli.page import COMMANDS, page

HEAVY = ("pydantic", "rich", "fabric", "paramiko", "yaml", "tenacity", "click")


def every_command() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = provision.get_command(click.Context(provision), name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", subcommand) for sub, subcommand in command.commands.items()]
    return found


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from provision.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_the_page_needs_nothing_heavy(argument: str) -> None:
    done = run(argument)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert not loaded & set(HEAVY)


def test_a_commands_page_does_not_load_the_ssh_library() -> None:
    done = run("up", "--help")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert not loaded & (set(HEAVY) - {"click"})


def test_the_page_names_every_command() -> None:
    text = page()
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.help)}$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 110


def test_the_page_is_the_same_with_and_without_the_parser() -> None:
    assert CliRunner().invoke(provision, ["--help"]).output.rstrip() == page() == run("--help").stdout.rstrip()


def test_without_a_command_the_page_is_shown() -> None:
    result = CliRunner().invoke(provision, [])
    assert result.exit_code == 2
    assert result.output.rstrip() == page()


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_every_command_says_what_it_does_with_an_example(name: str, command: click.Command) -> None:
    output = CliRunner().invoke(provision, [*name.split(), "--help"]).output
    assert command.help
    assert command.get_short_help_str(200) != ""
    assert re.search(rf"example:\n +provision {name.split(maxsplit=1)[0]}", output)


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_every_option_is_explained(name: str, command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_a_commands_own_summary_is_the_pages() -> None:
    for name, command in every_command():
        if name in COMMANDS:
            assert command.short_help == COMMANDS[name].help
