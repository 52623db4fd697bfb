"""What moves in a lock, and why, is said; what somebody changed in it, or withdrew from the index, is noticed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from package_index import Index

from provision.cli.lock import lock as command
from provision.core.errors import LockError
from provision.environment.lock_changes import asked_by_packages, changes, named_by_setting, reasons_in
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
    assert changes(new, new) == ()
    assert changes(None, new) == ("5 packages, with vllm 2, torch 2, nvidia-nccl-cu13 3",)
    other = replace(old, python="3.12", platform="aarch64-manylinux_2_34")
    assert changes(old, other) == ("Python 3.11 → 3.12", "platform x86_64-manylinux_2_34 → aarch64-manylinux_2_34")


def test_the_requirement_that_moves_a_package_is_said() -> None:
    old, new = made("tiny==1 # big\nbig==1 # python.packages"), made("tiny==2 # big\nbig==2 # python.packages")
    said = """DEBUG Adding direct dependency: big>=2
DEBUG Adding transitive dependency for big==1: tiny<2
DEBUG Adding transitive dependency for big==2: tiny[x]>=2, <3
DEBUG Adding transitive dependency for big==2: tiny{sys_platform == 'win32'}>=4
DEBUG Adding transitive dependency for big==2: big==2
"""
    asked = asked_by_packages(said, new.packages)
    assert asked == {("big", "tiny"): "tiny>=2, <3"}
    assert changes(old, new, {**asked, ("python.packages", "big"): "big>=2"}) == (
        "big 1 → 2 (for python.packages: `big>=2`)",
        "tiny 1 → 2 (for big: `tiny>=2, <3`)",
    )


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
    code, said = run("--diff", str(path), str(tmp_path / "old.lock"))
    assert code == 3 and "was edited" in said and "tiny" in said


def test_the_requirement_is_that_of_the_package_that_moved(index: Index, tmp_path: Path) -> None:
    inventory = tmp_path / "c.yaml"
    for version, asks in (("1.0", "tiny<2"), ("2.0", "tiny>=2")):
        about = f"Metadata-Version: 2.1\nName: big\nVersion: {version}\nRequires-Dist: {asks}\n"
        index.add("big", version, METADATA=about)
    index.add("tiny", "2.0")
    text = (
        "cluster: c1\nhosts: {h1: {address: 127.0.0.9, role: head}}\nserve: {model: facebook/opt-125m}\n"
        f"python: {{version: '3.11', packages: [big==1.0], index: '{index.url}'}}\n"
    )
    inventory.write_text(text)
    code, said = run(str(inventory), "--dry-run")
    assert (code, "there is no lock" in said, "2 packages" in said) == (0, True, True)
    assert run(str(inventory))[0] == 0
    inventory.write_text(text.replace("big==1.0", "big==2.0"))
    code, said = run(str(inventory), "--dry-run")
    assert "big 1.0 → 2.0 (for python.packages: `big==2.0`)" in said
    assert "tiny 1.0 → 2.0 (for big: `tiny>=2`)" in said
    inventory.write_text(text.replace("[big==1.0]", "['big==1']"))
    code, said = run(str(inventory), "--dry-run")
    assert (code, "python.packages" in said, "→" in said) == (0, True, False)


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
