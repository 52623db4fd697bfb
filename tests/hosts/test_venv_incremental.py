"""A new environment is made of what is the same in the one of before: only what changed is sent."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from package_index import Index
from small_packages import two_packages
from venv_machine import Machine, run_in, site

from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host
from provision.resources.venv import Venv
from provision.transport import Transport

pytestmark = pytest.mark.hosts

ENTRY = "[console_scripts]\nprogram = program:main\n"
LARGE, DATA = 2_000_000, "program_parts/inner/data.bin"
CODE = "def main():\n    import sys; print(sys.prefix)\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("index"))
    for version in ("1.0", "2.0"):
        index.add("tiny", version)
    index.add("small", "1.5")
    index.add("two_words", "1.0")
    more = {
        "entry_points.txt": ENTRY,
        "program-1.0.data/scripts/by-python": "#!python\nimport sys; print(sys.prefix)\n",
        "program-1.0.data/scripts/by-sh": "#!/bin/sh\necho hello\n",
        "program-1.0.data/data/share/program/notes.txt": "notes\n",
        "program_parts/inner/notes.txt": "notes\n" * 1000,
        # More than what a file system writes for an environment besides.
        "program_parts/inner/data.bin": "\0data\n" * LARGE,
        # As numpy's wheel has it.
        "program_parts/__pycache__/old.cpython-311.pyc": "of another Python\n",
    }
    index.add("program", "1.0", code=CODE, **more)
    return index


@pytest.fixture
def machine(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Machine]:
    host = make_host()
    with Transport([host]) as transport:
        yield Machine(transport.connect(host), tmp_path / "root")


@pytest.fixture
def make(machine: Machine, index: Index) -> Callable[..., Venv]:
    def make(tiny: str, *, packages: tuple[str, ...] = ("small", "program", "two-words"), **settings: object) -> Venv:
        python = two_packages(index).model_copy(update={"packages": (f"tiny=={tiny}", *packages), **settings})
        lock = ensure_lock(python, machine.root.parent / "cluster.lock")
        return Venv(lock, python, machine.root, "llama", "host-1", cache=index.folder / "wheels", deep=True)

    return make


def sent(machine: Machine, venv: Venv) -> list[str]:
    return [upload.source.name for upload in venv.fix(machine.see(venv), venv.want()).uploads]


#: uv notes when it found a wheel, and the seal holds the hash of that.
TIMES = ("uv_cache.json", ".provision", ".provision.seal")


def content(venv: Venv) -> dict[str, tuple[str, str]]:
    """Path → mode and hash of all but what differs between any two builds: bytecode and times."""
    found = {}
    for path in sorted(Path(venv.path).rglob("*")):
        if "__pycache__" in path.parts or path.name in TIMES:
            continue
        there = path.lstat()
        if stat.S_ISREG(there.st_mode):
            lines = [line for line in path.read_bytes().splitlines(keepends=True) if b"uv_cache.json" not in line]
            inside = hashlib.sha256(b"".join(lines)).hexdigest()
        else:
            inside = str(path.readlink()) if path.is_symlink() else ""
        found[str(path.relative_to(venv.path))] = (oct(there.st_mode), inside)
    return found


def inodes(venv: Venv) -> dict[str, int]:
    return {str(path.relative_to(site(venv))): path.stat().st_ino for path in site(venv).rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "settings",
    [
        {"compile": True},
        pytest.param({}, marks=pytest.mark.long),
        pytest.param({"wheels": "index"}, marks=pytest.mark.long),
    ],
    ids=["compiled", "not compiled", "fetched"],
)
def test_only_the_changed_wheel_is_sent_and_the_result_is_as_if_built_anew(
    machine: Machine, make: Callable[..., Venv], index: Index, settings: dict[str, object]
) -> None:
    old = make("1.0", **settings)
    machine.apply(old)
    new = make("2.0", **settings)
    assert sent(machine, new) == ([] if "wheels" in settings else ["tiny-2.0-py3-none-any.whl"])
    machine.apply(new)
    assert run_in(new, "import tiny, small; print(tiny.version)") == "2.0"
    assert run_in(old, "import tiny, small; print(tiny.version)") == "1.0"
    for name in ("program", "by-python"):
        text = Path(new.bin(name)).read_text()
        assert str(new.path) in text and str(old.path) not in text
    shared = {path for path, inode in inodes(new).items() if inodes(old).get(path) == inode}
    # What may be written where it lies is a file of its own.
    assert shared == {"program_parts/inner/data.bin"}
    if "compile" in settings:
        assert list(site(new).glob("__pycache__/small.*.pyc")) and list(site(new).glob("__pycache__/tiny.*.pyc"))
    incremental = content(new)
    shutil.rmtree(machine.root)
    machine.apply(new)
    assert content(new) == incremental


@pytest.mark.long
def test_a_package_less_needs_nothing(machine: Machine, make: Callable[..., Venv]) -> None:
    machine.apply(make("2.0"))
    less = make("2.0", packages=("small",), compile=True)
    assert sent(machine, less) == []
    machine.apply(less)
    assert list(site(less).glob("__pycache__/small.*.pyc"))
    assert not Path(less.bin("program")).exists()


def test_an_edit_in_place_is_not_one_of_the_other_environment(machine: Machine, make: Callable[..., Venv]) -> None:
    old = make("1.0")
    machine.apply(old)
    new = make("2.0")
    machine.apply(new)
    for name in ("small.py", "program_parts/inner/notes.txt"):
        edit(site(old) / name)
    assert machine.told(new) == []
    assert run_in(new, "import small; print(small.version)") == "1.5"
    # Compiled code is shared where the file system has no clones: it is seen, and repaired in one alone.
    if shared := (site(old) / DATA).samefile(site(new) / DATA):
        edit(site(old) / DATA)
        assert machine.told(new) == [f"program edited: {DATA} → as installed"]
        machine.apply(new)
    # Going back finds what was edited there, and repairs that.
    edited = ", ".join([DATA] * shared + ["program_parts/inner/notes.txt"])
    told = [f"program edited: {edited} → as installed", "small edited: small.py → as installed"]
    assert [line for line in machine.told(old) if "edited" in line] == told, "repair wrote through a shared file"
    machine.apply(old)
    assert machine.told(new) == ["environment in use " + f"{old.lock.short} → {new.lock.short}"]


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[None]:
    """The folder of environments is a file system that has clones."""
    image, place = tmp_path / "xfs", tmp_path / "root"
    place.mkdir()
    image.touch()
    os.truncate(image, 400 << 20)  # The least that mkfs.xfs takes is 300 MB.
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, place], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("this machine mounts no image of XFS")
    yield
    subprocess.run(["umount", place], check=True)


@pytest.mark.needs("mount", "mkfs.xfs")
@pytest.mark.usefixtures("clones")
def test_clones_take_no_room_and_are_edited_alone(machine: Machine, make: Callable[..., Venv]) -> None:
    old = make("1.0")
    machine.apply(old)
    before = room(machine.root)
    new = make("2.0")
    machine.apply(new)
    assert before - room(machine.root) < 7 * LARGE // 2
    assert not {inode for path, inode in inodes(new).items() if inodes(old).get(path) == inode}
    edit(site(old) / DATA)
    edit(site(old) / "small.py")
    assert machine.told(new) == []


def room(folder: Path) -> int:
    """Free bytes, with all written that was to be."""
    subprocess.run(["sync", "-f", folder], check=True)
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


#: What was done to the environment of before → whose package then has to be sent.
SPOILED: dict[str, tuple[str, Callable[[Venv], object]]] = {
    "an edited file": ("small", lambda venv: edit(site(venv) / "small.py")),
    "an edited program": ("program", lambda venv: edit(Path(venv.bin("by-sh")))),
    "a damaged RECORD": ("small", lambda venv: (site(venv) / "small-1.5.dist-info/RECORD").write_text("")),
    "a lost file": ("program", lambda venv: (site(venv) / "program_parts/inner/data.bin").unlink()),
    "a link": ("small", lambda venv: relink(site(venv) / "small.py", site(venv) / "tiny.py")),
    "a folder that is a link": ("program", lambda venv: away(site(venv) / "program_parts")),
    "a file that others may write": ("small", lambda venv: (site(venv) / "small.py").chmod(0o666)),
    "a folder that others may write": ("program", lambda venv: (site(venv) / "program_parts").chmod(0o777)),
    "a file that nobody may read": ("small", lambda venv: (site(venv) / "small.py").chmod(0o200)),
    "the list of its packages": ("program small two-words", lambda venv: edit(Path(venv.path, ".provision.packages"))),
    "the seal": ("program small two-words", lambda venv: Path(venv.path, ".provision.seal").write_text("{}")),
}


def edit(path: Path) -> None:
    """Of the same length and with the same times."""
    before = path.stat()
    text = path.read_bytes()
    path.write_bytes(text[:-3] + b"9" + text[-2:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def relink(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


def away(path: Path) -> None:
    elsewhere = path.parents[4] / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


#: Of the short form, which still leaves a package that comes along.
SHORT = ("an edited file", "a file that others may write")


@pytest.mark.parametrize(
    "which", [SHORT, *(pytest.param((what,), marks=pytest.mark.long) for what in SPOILED)], ids=", ".join
)
def test_what_was_spoiled_in_the_environment_of_before_does_not_come_along(
    machine: Machine, make: Callable[..., Venv], which: tuple[str, ...]
) -> None:
    old = make("1.0")
    machine.apply(old)
    for what in which:
        SPOILED[what][1](old)
    new = make("2.0")
    machine.apply(new)
    assert machine.resent == sorted({name for what in which for name in SPOILED[what][0].split()})
    incremental = content(new)
    shutil.rmtree(machine.root)
    machine.apply(new)
    assert content(new) == incremental


@pytest.mark.long
def test_another_kind_of_wheels_is_built_anew(machine: Machine, make: Callable[..., Venv]) -> None:
    machine.apply(make("1.0", wheels="index"))
    new = make("2.0")
    assert len(sent(machine, new)) == 4
    machine.apply(new)


@pytest.mark.long
def test_a_repair_leaves_nothing_to_take_over_that_it_did_not_make(machine: Machine, make: Callable[..., Venv]) -> None:
    old = make("1.0", wheels="index")
    machine.apply(old)
    edit(site(old) / "small.py")
    machine.apply(replace(old, python=old.python.model_copy(update={"wheels": "controller"})))
    assert not Path(old.path, ".provision.packages").exists()
    assert len(sent(machine, make("2.0", wheels="index"))) == 0
    machine.apply(make("2.0", wheels="index"))
