"""What moves in a lock, and why, is said; what somebody changed in it, or withdrew from the index, is noticed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from package_index import Index

from provision.cli.lock import lock as command
from provision.core.errors import LockError
from provision.environment.lock_changes import changes, named_by_setting, reasons_in
from provision.environment.lockfile import Lock, make_lock, parse_lock, resolve_lock
from provision.inventory.models import Python


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    for name, version in (("tiny", "1.0"), ("small", "1.5")):
        index.add(name, version)
    return index


def made(text: str) -> Lock:
    body = "".join(
        f"{line.partition('#')[0].strip()} --hash=sha256:{'ab' * 32}\n    # via {line.partition('#')[2].strip()}\n"
        for line in text.splitlines()
    )
    return parse_lock(f"# python: 3.11\n# platform: x86_64-manylinux_2_34\n{body}", Path("a.lock"))


def test_what_matters_most_comes_first_and_each_says_why() -> None:
    asked = "python.packages"
    old = made(f"attrs==1 # ray\nnvidia-nccl-cu13==2 # torch\nray==1 # {asked}\ntorch==1 # vllm\nvllm==1 # {asked}")
    new = made(f"attrs==1 # ray\nnew==1 # attrs\nnvidia-nccl-cu13==3 # torch\ntorch==2 # vllm\nvllm==2 # {asked}")
    assert changes(old, new) == (
        "vllm 1 → 2 (for python.packages)",
        "torch 1 → 2 (for vllm)",
        "ray 1 → absent",
        "nvidia-nccl-cu13 2 → 3 (for torch)",
        "new absent → 1 (for attrs)",
    )
    assert changes(None, new) == changes(new, new) == ()


def test_reasons_are_read_as_uv_writes_them() -> None:
    text = named_by_setting(
        "a==1 \\\n    --hash=sha256:00\n    # via -r packages.in\nb==1 \\\n    --hash=sha256:00\n    # via\n"
        "    #   -c constraints.txt\n    #   a\n"
    )
    assert reasons_in(text) == {"a": ("python.packages",), "b": ("python.constraints", "a")}


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, list(words), standalone_mode=False)
    return done.return_value if done.exception is None else 1, done.output


def test_a_lock_is_checked_moved_in_part_and_compared(index: Index, tmp_path: Path) -> None:
    inventory = tmp_path / "c.yaml"
    inventory.write_text(
        "cluster: c1\nhosts: {h1: {address: 127.0.0.9, role: head}}\nserve: {model: facebook/opt-125m}\n"
        f"python: {{version: '3.11', packages: [tiny, small], index: '{index.url}', wheels: controller}}\n"
    )
    path = tmp_path / "c.lock"
    assert run(str(inventory), "--check")[0] == 3 and not path.exists()
    assert run(str(inventory))[0] == 0
    assert run(str(inventory), "--check")[0] == 0
    before = path.read_text()
    for name, version in (("tiny", "2.0"), ("small", "2.5")):
        index.add(name, version)
    assert run(str(inventory), "--check")[0] == 0, "versions are kept where they fit"
    code, said = run(str(inventory), "--upgrade-package", "tiny", "--dry-run")
    assert (code, "tiny 1.0 → 2.0 (for python.packages)" in said, "small" in said) == (0, True, False)
    assert path.read_text() == before
    assert run(str(inventory), "--upgrade-package", "tiny")[0] == 0
    (tmp_path / "old.lock").write_text(before)
    assert run("--diff", str(tmp_path / "old.lock"), str(path)) == (3, "tiny 1.0 → 2.0 (for python.packages)\n")
    assert run("--diff", str(path), str(path))[0] == 0
    path.write_text(path.read_text().replace("tiny==2.0", "tiny==1.0"))
    code, said = run(str(inventory), "--check")
    assert code == 3 and "was edited" in said


def test_a_version_that_was_withdrawn_and_a_file_that_was_replaced_are_noticed(index: Index, tmp_path: Path) -> None:
    python = Python(version="3.11", packages=("tiny", "small"), index=index.url)
    make_lock(python, tmp_path / "a.lock")
    page = index.folder / "simple/tiny/index.html"
    page.write_text(page.read_text().replace("<a ", '<a data-yanked="broken" '))
    other = index.folder / "simple/small/index.html"
    other.write_text(re.sub("#sha256=[0-9a-f]*", "#sha256=" + "0" * 64, other.read_text()))
    news = resolve_lock(python, tmp_path / "a.lock", check=True).news
    assert [line for line in news if "tiny" in line and "yanked" in line], news
    assert [line for line in news if line.startswith("small 1.5: 1 of its files")], news


def test_only_wheels_are_locked_in_either_mode(index: Index, tmp_path: Path) -> None:
    index.add("unbuilt", "1.0", source=True)
    for wheels in ("index", "controller"):
        python = Python(version="3.11", packages=("unbuilt",), index=index.url, wheels=wheels)
        with pytest.raises(LockError) as caught:
            make_lock(python, tmp_path / "a.lock")
        assert "`python.build: controller`" in caught.value.hint
