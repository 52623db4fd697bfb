"""`help`: the pages of `--help`, and the manual page that is made from them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from provision.cli.man import man_page
from provision.cli.page import COMMANDS, page
from provision.core.exits import Exit

MAN = Path(__file__).parents[3] / "docs" / "provision.1"

Call = Callable[..., Result]


@pytest.mark.parametrize("words", [["up"], ["init"], ["lab", "up"], ["exec"], ["help"]])
def test_help_of_a_command_is_its_own_page(call: Call, words: list[str]) -> None:
    assert call("help", *words).output.rstrip() == call(*words, "--help").output.rstrip()
    assert call("help", *words).exit_code == 0


def test_without_a_command_it_is_the_page_of_all(call: Call) -> None:
    assert call("help").output.rstrip() == page()


@pytest.mark.parametrize("words", [["chekc"], ["lab", "upp"], ["up", "down"], ["--man", "up"]])
def test_a_command_that_there_is_not_is_wrong_usage(call: Call, words: list[str]) -> None:
    result = call("help", *words)
    assert result.exit_code == 2
    assert "hint:" in result.stderr


def test_what_was_meant_is_said(call: Call) -> None:
    assert "`check`" in call("help", "chekc").stderr


def test_python_m_provision_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "provision", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip() == page()


def test_the_manual_page_has_every_command_and_exit_code() -> None:
    text = man_page()
    for name in COMMANDS:
        assert f'.SS "provision {name} ' in text
    for end in Exit:
        assert f".B {end.value}\n" in text


@pytest.mark.needs("man")
def test_man_formats_it_without_a_warning() -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200", "MANPAGER": "cat"}
    done = subprocess.run(["man", "--warnings", "-l", MAN], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    assert "--ask-sudo-password" in done.stdout
    assert "provision init --hosts 'gpu-[01:08]' --user ubuntu" in done.stdout
