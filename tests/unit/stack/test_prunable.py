"""Which host is asked to remove what: what was shown of it, and nothing of a host of which nothing was."""

from __future__ import annotations

from pathlib import Path

from provision import inventory as inventories
from provision.stack.prunable import Leftover, leftover_scripts

TEXT = "cluster: llama\nhosts:\n  gpu-1: {address: 192.0.2.1, role: head}\n  gpu-2: {address: 192.0.2.2}\n"


def test_each_host_removes_what_was_shown_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TEXT)
    inventory = inventories.load(tmp_path / "a.yaml")
    shown = [Leftover("gpu-2", "/opt/a", 4, "x"), Leftover("gpu-2", "/opt/b", 4, "x")]
    (asked,) = leftover_scripts(inventory, (), shown).items()
    assert (asked[0], asked[1].vars["remove"], asked[1].vars["shown"]) == ("gpu-2", "yes", "\n/opt/a\n\n/opt/b\n")
    assert leftover_scripts(inventory, (), []) == {}
    listed = leftover_scripts(inventory, (), False)
    assert {name: (script.vars["remove"], script.vars["shown"]) for name, script in listed.items()} == {
        "gpu-1": ("", ""),
        "gpu-2": ("", ""),
    }
    assert list(leftover_scripts(inventory, ["gpu-1"], True)) == ["gpu-1"]
