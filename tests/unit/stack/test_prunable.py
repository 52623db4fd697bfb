"""Which host is asked to remove what: what was shown of it, and nothing of a host of which nothing was."""

from __future__ import annotations

from pathlib import Path

from provision import inventory as inventories
from provision.core.script import Fragment
from provision.stack.prunable import Leftover, leftover_scripts, read_leftovers

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


def test_a_size_that_is_none_is_no_line_of_a_host() -> None:
    rows = "".join(f"{size}\t/opt/envs/a\tx\n" for size in ("9" * 5000, "٣", "-1", "", "4"))
    assert [one.kib for one in read_leftovers({"gpu-1": Fragment(0, rows, "")})] == [4]


def test_what_a_rollback_goes_back_to_is_left_on_every_host() -> None:
    row = "4\t/opt/envs/{}\tan environment that is not in use\n"
    of_before, of_here, old = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
    rows = "".join(row.format(name) for name in (of_before, of_here, old))
    said = {"head": Fragment(0, f"goes-back-to={of_before}\n{rows}", ""), "worker": Fragment(0, rows, "")}
    why = "an environment that is not in use"
    assert read_leftovers(said, [of_here]) == tuple(Leftover(h, f"/opt/envs/{old}", 4, why) for h in said)
