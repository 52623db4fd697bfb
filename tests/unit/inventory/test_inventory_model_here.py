"""A model that is a folder beside the inventory."""

from pathlib import Path

import pytest

from provision import Inventory, InventoryError, load

BASE = "cluster: c\nhosts: {a: {role: head}}\nserve: {model: MODEL}\n"


def read(tmp_path: Path, model: str, text: str = BASE) -> Inventory:
    (tmp_path / "acme" / "tiny").mkdir(parents=True, exist_ok=True)
    (tmp_path / "acme" / "tiny" / "config.json").write_text("{}")
    (tmp_path / "i.yaml").write_text(text.replace("MODEL", model))
    return load(tmp_path / "i.yaml")


@pytest.mark.parametrize(("written", "name"), [("./acme/tiny", "tiny"), ("acme/tiny", "acme/tiny")])
def test_it_is_sent_to_the_hosts(tmp_path: Path, written: str, name: str) -> None:
    serve = read(tmp_path, written).serve
    assert serve is not None
    assert (serve.model, serve.weights.path) == (name, str(tmp_path / "acme" / "tiny"))


@pytest.mark.parametrize("written", ["acme/other", "/acme/tiny", "~/acme/tiny"])
def test_what_is_not_there_or_of_the_hosts_stays_as_it_is(tmp_path: Path, written: str) -> None:
    serve = read(tmp_path, written).serve
    assert serve is not None
    assert (serve.model, serve.weights.path) == (written, None)


def test_what_is_said_of_the_weights_counts(tmp_path: Path) -> None:
    serve = read(tmp_path, "acme/tiny", BASE.replace("MODEL", "MODEL, weights: {source: hub}")).serve
    assert serve is not None
    assert (serve.model, serve.weights.path) == ("acme/tiny", None)


def test_a_name_that_no_file_can_have_is_no_folder(tmp_path: Path) -> None:
    serve = read(tmp_path, "m" * 300).serve
    assert serve is not None
    assert serve.weights.path is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("./nowhere", "is not there"),
        ("./acme", "has no config.json"),
        ("./" + "m" * 300, "cannot be looked at: file name too long"),
    ],
)
def test_a_folder_that_is_no_model_is_told(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(InventoryError) as caught:
        read(tmp_path, written)
    assert said in str(caught.value.problems[0])
    assert caught.value.problems[0].line == 3
