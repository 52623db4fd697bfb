"""A person's command arrives as it was typed, and no secret gets into an argument list."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.core.errors import ScriptFailed, SudoRefused, UsageError
from provision.core.script import assignments
from provision.core.secret import Secret
from provision.inventory.models import Host, Inventory
from provision.operate.commands import Ran, command_script, run_on_hosts, shell_line
from provision.operate.login import host_named

HOSTS = (Host(name="gpu-01", address="10.0.0.1", role="head"), Host(name="gpu-02", address="10.0.0.2", sudo=True))
INVENTORY = Inventory(path=Path("cluster.yaml"), cluster="llama", hosts=HOSTS)


def run(*words: str) -> str:
    """On a host, as its shell does it."""
    script = command_script(INVENTORY, HOSTS[0], words)
    text = f"{assignments(script.vars, Secret.reveal)}{script.body}\n"
    return subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True).stdout


def test_one_word_is_a_line_for_the_shell() -> None:
    assert run("echo a b | tr ab xy; echo '$HOME'") == "x y\n$HOME\n"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0\037", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_several_words_are_a_program_and_its_arguments(words: list[str]) -> None:
    done = run("printf", "%s\\037", *words).encode("utf-8", "replace").decode()
    assert done.split("\037")[:-1] == [
        word.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n") for word in words
    ]


def test_the_worst_of_what_a_host_can_be() -> None:
    assert Ran("a", 0).exit_code == 0
    assert Ran("a", 7).exit_code == Ran("a", None).exit_code == 1
    assert Ran("a", None, error=SudoRefused("a", "no")).exit_code == SudoRefused.exit_code
    assert Ran("a", None, error=ScriptFailed("a", "no")).exit_code == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [((), "there is no command to run"), (("",), "there is no command to run"), (("echo", "\udcff"), "is not UTF-8")],
)
def test_no_command_is_wrong_usage(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        run_on_hosts(INVENTORY, words)


def test_the_shell_within_names_the_tokens_file_and_holds_no_token() -> None:
    line = shell_line(INVENTORY, HOSTS[1], ())
    assert line.startswith("sudo sh -c ") and "/ray-token" in line and "bash --noprofile --norc -i" in line
    assert not shell_line(INVENTORY, HOSTS[0], ("ray", "status")).startswith("sudo")


def test_a_host_is_found_by_its_name_or_a_role_that_it_alone_has() -> None:
    assert host_named(INVENTORY, "head").name == "gpu-01" and host_named(INVENTORY, "gpu-02").name == "gpu-02"
    with pytest.raises(UsageError, match="there is no host `gpu-03` in the inventory; did you mean") as caught:
        host_named(INVENTORY, "gpu-03")
    assert caught.value.hint == "the hosts are gpu-01, gpu-02"
