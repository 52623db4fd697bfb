"""What is built from a tree is all of it, the same by every way, and nothing that an earlier build left."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LEFT = (".git", ".venv", "build", "dist", "*.egg-info", ".*_cache", ".hypothesis", "__pycache__")

pytest.importorskip("setuptools", minversion="70.1", reason="builds need setuptools")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this one, without what tools leave in it."""
    return Path(shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(*LEFT)))


@pytest.fixture
def checkout(tree: Path) -> Path:
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "all of it")
    return tree


def git(tree: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=tree, check=True, capture_output=True, text=True).stdout


def build(tree: Path, kind: str, into: Path) -> Path:
    """As pip does it, but with the setuptools that is here."""
    into.mkdir(exist_ok=True)
    code = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, into], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return into / done.stdout.splitlines()[-1]


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def unpacked(sdist: Path, into: Path) -> Path:
    with tarfile.open(sdist) as archive:
        # Python 3.11.2, Debian 12's, has no filters yet; an archive of our own needs none.
        archive.extractall(into, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (top,) = into.iterdir()
    return top


def files(tree: Path) -> set[str]:
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}


def test_a_module_that_was_removed_is_not_built_again(tree: Path, tmp_path: Path) -> None:
    former = tree / "provision" / "resources" / "former.py"
    former.touch()
    assert "provision/resources/former.py" in contents(build(tree, "wheel", tmp_path / "before"))
    former.unlink()
    assert "provision/resources/former.py" not in contents(build(tree, "wheel", tmp_path / "after"))


def test_the_sdist_holds_every_file_of_the_checkout_and_no_other(checkout: Path, tmp_path: Path) -> None:
    tracked = set(git(checkout, "ls-files").split("\n")) - {""}
    (checkout / "inventories" / "my-own.yaml").write_text("sudo_password: hunter2\n")
    top = unpacked(build(checkout, "sdist", tmp_path / "made"), tmp_path / "unpacked")
    made = {name for name in files(top) - tracked if ".egg-info/" not in name}
    assert tracked <= files(top)
    assert made == {"PKG-INFO", "provision/cli/commit"}


def test_an_sdist_of_an_sdist_is_as_whole(checkout: Path, tmp_path: Path) -> None:
    first = unpacked(build(checkout, "sdist", tmp_path / "first"), tmp_path / "unpacked")
    there = files(first)
    second = unpacked(build(first, "sdist", tmp_path / "second"), tmp_path / "again")
    assert files(second) == there


def test_a_wheel_of_the_sdist_is_that_of_the_checkout(checkout: Path, tmp_path: Path) -> None:
    top = unpacked(build(checkout, "sdist", tmp_path / "made"), tmp_path / "unpacked")
    through = contents(build(top, "wheel", tmp_path / "through"))
    straight = contents(build(checkout, "wheel", tmp_path / "straight"))
    assert through == straight
    head = git(checkout, "rev-parse", "--short=10", "HEAD").strip()
    assert straight["provision/cli/commit"].decode().strip() == head


def test_of_a_tree_without_git_no_commit_is_claimed(tree: Path, tmp_path: Path) -> None:
    assert "provision/cli/commit" not in contents(build(tree, "wheel", tmp_path / "made"))


def test_wheel_and_sdist_pass_the_check_of_the_index_and_bring_the_manual_page(checkout: Path, tmp_path: Path) -> None:
    made = [build(checkout, kind, tmp_path / "made") for kind in ("wheel", "sdist")]
    command = [sys.executable, "-m", "twine", "check", "--strict", *made]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = [text for name, text in contents(made[0]).items() if name.endswith("/share/man/man1/provision.1")]
    assert page == (ROOT / "docs" / "provision.1").read_bytes()
