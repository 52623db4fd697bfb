import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], "error: there is no command `chekc`; did you mean `check`?"),
        (["frobnicate"], "error: there is no command `frobnicate`"),
        (["up", "--lmit", "x"], "error: no such option `--lmit`; did you mean `--limit`?"),
        (["up", "--frobnicate"], "error: no such option `--frobnicate`"),
        (["up", "a.yaml", "b.yaml"], "error: got unexpected extra argument"),
        (["lab", "up", "--hosts", "0"], "error: invalid value for `--hosts`"),
        (["init", "--example", "nothing"], "error: there is no example `nothing`"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(call: Call, arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error.startswith(message)
    assert not error.endswith(".")
    assert hint.startswith("hint: ")


def test_a_group_without_a_command_shows_its_help_as_it_is(call: Call) -> None:
    result = call("lab")
    assert (result.exit_code, result.stderr) == (2, "")
    assert result.stdout == call("lab", "--help").stdout


def test_without_an_inventory_it_says_how_to_name_or_make_one(call: Call) -> None:
    result = call("check")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: no inventory: there is no `inventory.yaml` here, and $PROVISION_INVENTORY is not set\n"
        "hint: name one, as in `provision up cluster.yaml`, or write an example with `provision init`\n"
    )


def test_the_environment_names_the_inventory(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_INVENTORY", "elsewhere.yaml")
    assert call("check").stderr.startswith("error: elsewhere.yaml: ")


def test_the_inventory_here_comes_before_the_environments(
    call: Call, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_INVENTORY", "elsewhere.yaml")
    assert "--limit `nobody` matches no host" in call("check", "--limit", "nobody").stderr


def test_a_limit_that_matches_nothing_contacts_nobody(call: Call, inventory: Path) -> None:
    result = call("up", "--limit", "gpu-9*", "--json")
    assert result.exit_code == 2
    assert "hint: the hosts are gpu-01, gpu-02" in result.stderr
    assert [json.loads(line)["event"] for line in result.stdout.splitlines()] == ["error"]


def test_every_mistake_in_an_inventory_is_shown_at_once(call: Call, folder: Path) -> None:
    (folder / "inventory.yaml").write_text("cluster: llama\nhsots: {}\nserv: {}\n")
    result = call("up")
    assert result.exit_code == 2
    assert "`hsots`" in result.stderr
    assert "`serv`" in result.stderr


def test_verbose_and_quiet_contradict_each_other(call: Call, inventory: Path) -> None:
    assert call("up", "-v", "-q").exit_code == 2


def test_init_writes_an_inventory_that_loads_and_never_overwrites(call: Call, folder: Path) -> None:
    from provision.inventory import load

    assert call("init").exit_code == 0
    written = folder / "inventory.yaml"
    assert load(written, require_secrets=False).hosts
    written.write_text("mine")
    result = call("init")
    assert result.exit_code == 2
    assert written.read_text() == "mine"


def test_the_schema_is_json(call: Call) -> None:
    assert "hosts" in json.loads(call("schema").stdout)["properties"]
