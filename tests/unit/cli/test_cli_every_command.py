"""What holds for each command: an example on its page, `--json` where it prints something, and lines that can be read,
and copied, at any width and in a pipe."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from provision.cli.group import provision
from provision.cli.page import COMMANDS

#: What these print is itself for a program, or a page.
FOR_PROGRAMS = ("completion", "help", "schema")
#: What a command cannot do without, beside the inventory.
GIVEN = {
    "model deploy": ["opt"],
    "model delete": ["opt"],
    "unlock": ["--why", "it hangs"],
    "export": ["systemd"],
    "restart": ["vllm"],
}
WIDTHS = (40, 60, 80, 110, 200)


def every() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = provision.get_command(click.Context(provision), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", one) for sub, one in command.commands.items())


EVERY = dict(every())


def help_of(name: str, width: int = 80) -> str:
    asked = [*name.split(), "--help"]
    return CliRunner().invoke(provision, asked, terminal_width=width, max_content_width=width).output


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", EVERY)
def test_its_page_has_an_example_of_itself_that_can_be_copied_at_any_width(name: str) -> None:
    _, _, example = help_of(name).partition("example:\n")
    assert f"provision {name}" in example
    for width in WIDTHS:
        assert help_of(name, width).endswith(example), f"at {width} columns the example is broken up"


@pytest.mark.parametrize("name", [name for name, one in EVERY.items() if not isinstance(one, click.Group)])
def test_an_example_names_options_that_there_are(name: str) -> None:
    options = {option for one in EVERY[name].params for option in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    _, _, example = help_of(name).partition("example:\n")
    for line in example.splitlines():
        # What stands behind `--` is another program's, and what follows several blanks is said about it.
        own = re.split(r" -- | \| |\s{3,}", line.strip())[0]
        if own.startswith(f"provision {name} "):
            words = shlex.split(own, comments=True)
            assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= options, line


@pytest.mark.parametrize("name", [name for name, one in EVERY.items() if not isinstance(one, click.Group)])
def test_what_prints_something_has_json_and_can_be_quiet_and_without_colour(name: str) -> None:
    options = {option for one in EVERY[name].params for option in one.opts}
    wanted = {"--json", "--quiet", "--verbose", "--no-color"}
    assert wanted <= options or (name in FOR_PROGRAMS and not wanted & options)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_no_word_of_its_page_is_cut_and_no_line_is_too_wide(name: str, width: int) -> None:
    text, _, _ = help_of(name, width).partition("example:\n")
    wide, _, _ = help_of(name, 400).partition("example:\n")
    # A word that is longer than the room for words is cut in any case.
    long = [word for word in wide.split() if len(word) > width // 2]
    cut = {piece for piece in {*text.split()} - {*wide.split()} if not any(piece in word for word in long)}
    assert not cut
    assert squeezed(text) == squeezed(wide)
    for line in text.splitlines():
        assert len(line) <= width or len(line.split()) <= 2, line


def takes_an_inventory(command: click.Command) -> bool:
    return any(isinstance(one, click.Argument) and one.name == "inventory" for one in command.params)


@pytest.mark.parametrize("name", [name for name, one in EVERY.items() if takes_an_inventory(one)])
def test_in_a_pipe_nothing_is_coloured_and_with_json_standard_output_holds_json_alone(
    call: Callable[..., Result], folder: Path, name: str
) -> None:
    """An inventory that is broken ends it before anything is done, and whoever reads JSON learns of that, too."""
    (folder / "inventory.yaml").write_text("cluster: llama\nhsots: {}\n")
    result = call(*name.split(), *GIVEN.get(name, ()), "--json")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert said and all(isinstance(one, dict) for one in said), result.stderr
    assert (result.exit_code, "`hsots`" in result.stderr) == (2, True), result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_a_choice_that_is_missing_is_told_in_one_line(call: Callable[..., Result]) -> None:
    error, hint = call("export").stderr.splitlines()
    assert error.endswith("systemd, compose, script, ansible") and hint == "hint: provision export --help"
