"""What is no lock any more keeps nobody from stopping a cluster, nor from making another lock; the rest is told the
line."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from package_index import Index

from provision.core.errors import LockError
from provision.environment.lock_of_command import lock_for
from provision.environment.lockfile import LockMissing, LockStale, ensure_lock, make_lock, read_lock
from provision.inventory.models import Python


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    for name, version in (("tiny", "1.0"), ("tiny", "2.0"), ("other", "1.0")):
        index.add(name, version)
    return index


@pytest.fixture
def python(index: Index) -> Python:
    return Python(version="3.11", packages=("tiny", "other"), index=index.url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llama.lock"


def conflict(path: Path) -> None:
    """Both sides have another version of the last package, as git writes it."""
    lines = path.read_text().splitlines()
    ours, theirs = lines[-3:], [lines[-3].replace("2.0", "1.0"), *lines[-2:]]
    merged = [*lines[:-3], "<<<<<<< HEAD", *ours, "=======", *theirs, ">>>>>>> theirs"]
    path.write_text("\n".join(merged) + "\n")


def conflict_in_the_header(path: Path) -> None:
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, "<<<<<<< HEAD", rest[0], "=======", "# python: 3.12", ">>>>>>> b", *rest[1:]]))


def ends_between_two_packages(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: text.index("tiny==")])


def ends_within_a_hash(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: text.rindex("sha256:") + 60])


def with_another_hash(path: Path) -> None:
    text = path.read_text()
    at = text.index("sha256:") + 7
    path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])


def without_its_digest(path: Path) -> None:
    """And with another hash."""
    with_another_hash(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(("# digest: ", "# packages: "))))


def without_a_stanza(path: Path) -> None:
    """And without what says how many there were."""
    text = path.read_text()
    path.write_text(
        re.sub(r"# (digest|packages): .*\n", "", text[: text.index("other==")] + text[text.index("tiny==") :])
    )


def of_another_program(path: Path) -> None:
    path.write_text('version = 1\nrevision = 3\nrequires-python = ">=3.11"\n')


def empty(path: Path) -> None:
    path.write_text("")


def binary(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x89PNG\r\n\x1a\n\0\0")


def with_zeros(path: Path) -> None:
    """What a file system leaves of a file after a power cut."""
    path.write_bytes(path.read_bytes()[:40] + bytes(100))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "somebodys").write_text("kept")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BROKEN = {
    conflict: ":10: `<<<<<<< HEAD` is a merge conflict",
    conflict_in_the_header: ":2: `<<<<<<< HEAD` is a merge conflict",
    ends_between_two_packages: ":9: it ends with 1 packages, and was written with 2",
    ends_within_a_hash: ":10: `tiny==2.0` is not a version with sha256",
    with_another_hash: "was edited after `provision lock` wrote it",
    of_another_program: ":1: this was not made by `provision lock`",
    empty: ":1: this was not made by `provision lock`",
    binary: ":13: this is no text in UTF-8",
    with_zeros: ":1: there is a NUL",
    folder: "is a folder",
    pipe: "cannot be read: a named pipe, expected a file",
}


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: fault.__name__)
def test_it_stops_neither_down_nor_lock_and_is_told_to_the_rest(python, path, tmp_path, fault):
    made = make_lock(python, path)
    fault(path)
    for use in (
        lambda: read_lock(path, python),
        lambda: ensure_lock(python, path),
        lambda: lock_for(python, path, base=tmp_path, make=False, say=str),
    ):
        with pytest.raises(LockError) as caught:
            use()
        assert not isinstance(caught.value, LockMissing)
        assert BROKEN[fault] in caught.value.message and str(path) in caught.value.message
        assert caught.value.hint == "run `provision lock`"
    said: list[str] = []
    nothing = lock_for(python, path, base=tmp_path, make=False, say=said.append, removes=True)
    assert nothing.stale == "broken" and nothing.packages == {}
    assert "going on without a lock" in said[0] and BROKEN[fault] in said[0]
    assert make_lock(python, path, say=said.append).packages == made.packages
    assert any("making it anew" in line for line in said)
    assert read_lock(path, python).digest == made.digest


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_one_that_cannot_be_read_is_replaced(python, path, tmp_path, number, monkeypatch):
    make_lock(python, path)

    def refused(_: Path) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patched:
        patched.setattr("provision.environment.lock_text.read_kept", refused)
        with pytest.raises(LockError, match=os.strerror(number).lower()):
            read_lock(path, python)
        assert lock_for(python, path, base=tmp_path, make=False, say=str, removes=True).stale == "broken"
        make_lock(python, path)
    assert read_lock(path, python).packages


def test_a_folder_in_its_place_keeps_what_is_in_it(python, path):
    path.mkdir()
    (path / "somebodys").write_text("kept")
    said: list[str] = []
    make_lock(python, path, say=said.append)
    assert path.is_file()
    assert (path.with_name("llama.lock.folder") / "somebodys").read_text() == "kept"
    assert any("`llama.lock.folder`" in line for line in said)


def test_a_lock_of_before_the_number_of_packages_was_written_down_fits(python, path):
    made = make_lock(python, path)
    text = "".join(line for line in path.read_text().splitlines(True) if not line.startswith("# packages: "))
    path.write_text(text)
    assert read_lock(path, python).digest == made.digest


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_lock_that_an_editor_saved_in_its_own_way_is_the_same(path: Path, python: Python, ends: str) -> None:
    made = make_lock(python, path)
    path.write_bytes(b"\xef\xbb\xbf" + made.text.replace("\n", ends).encode())
    assert read_lock(path, python).digest == made.digest
    assert make_lock(python, path).digest == made.digest


@pytest.mark.parametrize("fault", [without_its_digest, without_a_stanza], ids=lambda fault: fault.__name__)
def test_one_without_its_digest_is_made_anew_and_never_installed(python, path, tmp_path, fault):
    """So are those of earlier versions, which had none."""
    made = make_lock(python, path)
    fault(path)
    with pytest.raises(LockStale, match="left without its line `# digest: …`, so that it cannot be told"):
        read_lock(path, python)
    said: list[str] = []
    assert lock_for(python, path, base=tmp_path, make=False, say=said.append, resolve=True).digest == made.digest
    assert "`provision up` recreates it" in said[0] or "as this plan has it" in said[0]
    assert lock_for(python, path, base=tmp_path, make=False, say=str, removes=True).packages
    assert ensure_lock(python, path, say=said.append).packages == made.packages
    assert read_lock(path, python).digest == made.digest


def test_a_link_to_itself_is_removed_first(path: Path, python: Python) -> None:
    path.symlink_to(path)
    with pytest.raises(LockError, match="too many levels of symbolic links") as error:
        read_lock(path, python)
    assert error.value.hint == f"`rm {path}`, then run `provision lock`"
