"""What is taken of a start that the head keeps, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision import inventory as inventories
from provision.after import last_good, on_head
from provision.core.errors import UsageError
from provision.core.script import Fragment
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Inventory

LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\ntiny==1.0 --hash=sha256:{'ab' * 32}\n"
TEXT = """
cluster: llama
hosts: {gpu-1: {address: 10.0.0.1, role: head}, gpu-2: {address: 10.0.0.2}}
python: {packages: [tiny==1.0], index: "https://mine.example/simple"}
secrets: {TOKEN: {env: SOME_TOKEN}}
serve: {model: /models/m, pipeline_parallel: 2, args: {max-model-len: 256}}
"""


@pytest.fixture
def present(tmp_path: Path) -> Inventory:
    """Of the machine that goes back: other arguments and packages by now."""
    path = tmp_path / "inventory.yaml"
    path.write_text(TEXT.replace("256", "512").replace("tiny==1.0", "tiny==2.0"))
    return inventories.load(path, require_secrets=False)


@pytest.fixture
def kept(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "of-then.yaml"
    path.write_text(TEXT)
    inventory = inventories.load(path, require_secrets=False)
    content: dict[str, Any] = json.loads(last_good.text_of(inventory, parse_lock(LOCK, inventory.lock_path)))
    return content


def fetched(present: Inventory, said: str, monkeypatch: pytest.MonkeyPatch) -> last_good.LastGood:
    monkeypatch.setattr(on_head, "answers", lambda *_, **__: {"gpu-1": Fragment(0, said, "")})
    return on_head.fetch(present, {})


def test_packages_arguments_and_cut_are_those_of_then(
    present: Inventory, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fetched(present, json.dumps(kept), monkeypatch)
    assert found.lock.packages == {"tiny": "1.0"} and found.inventory.python.packages == ("tiny==1.0",)
    assert found.inventory.serve is not None and found.inventory.serve.args == {"max-model-len": 256}
    assert found.inventory.path == present.path and found.played is None


def test_nothing_that_this_machine_would_do_is_taken(
    present: Inventory, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = kept["inventory"]
    theirs["secrets"] = {"TOKEN": {"command": "touch /tmp/ran"}}
    theirs["sudo_password"] = {"command": "touch /tmp/ran"}
    theirs["hosts"][0] |= {"address": "10.66.6.6", "root": "/tmp/theirs", "sudo": True}
    theirs["python"] |= {"index": "https://theirs.example/simple", "find_links": ["/etc"]}
    theirs["serve"]["weights"] = {"source": "controller", "path": "/etc"}
    theirs["serve"]["tls"] = {"cert": "/etc/shadow", "key": "/etc/shadow"}
    theirs["path"] = "/tmp/theirs.yaml"
    found = fetched(present, json.dumps(kept), monkeypatch).inventory
    said = json.dumps(found.model_dump(mode="json"))
    assert not [word for word in ("touch", "10.66.6.6", "theirs", "/etc") if word in said]
    assert found.secrets == present.secrets and found.hosts == present.hosts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k["inventory"]["serve"].update(model="other"), r"other `serve\.model` than this inventory"),
        (lambda k: k["inventory"]["hosts"].pop(), "other `hosts` than this inventory"),
        (
            lambda k: k.update(playbook={"path": "/x/mine.py", "sha256": "ab"}),
            r"a playbook `mine\.py` that is not here",
        ),
        (lambda k: k.update(lock="tiny @ file:///etc"), "that this version cannot read"),
        (lambda k: k.update(v=99), "that this version cannot read"),
        (lambda k: k["inventory"]["serve"].update(args=[1]), "that this version cannot read"),
    ],
)
def test_what_is_not_as_it_was_or_cannot_be_read_is_said(
    present: Inventory, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    change(kept)
    # What the head has is no fault of the inventory's.
    kind = last_good.NoWayBack if "cannot read" in message else UsageError
    with pytest.raises(kind, match=message):
        fetched(present, json.dumps(kept), monkeypatch)


@pytest.mark.parametrize(("said", "message"), [("", "keeps no good start of `llama`"), ("{", "cannot read")])
def test_none_is_said_to_be_none(present: Inventory, monkeypatch: pytest.MonkeyPatch, said: str, message: str) -> None:
    with pytest.raises(last_good.NoWayBack, match=message) as found:
        fetched(present, said, monkeypatch)
    assert found.value.exit_code == 1
