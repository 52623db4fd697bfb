"""A model's folder with traps in it: nothing outside is read, written, moved or removed, and nothing waits for ever."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.payload.weights import places
from provision.payload.weights.folder import Folder, Odd
from provision.payload.weights.ledger import NAME, Ledger
from provision.payload.weights.manifest import Entry, entry_of, follow, text_of
from provision.payload.weights.places import UnsafePlace, descend

SHA256 = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "model").mkdir(mode=0o755)
    return Folder.at(str(tmp_path / "model"))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's folder with a file, which must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("kept")
    return tmp_path / "outside"


Trap = Callable[[Path, Path], None]
TRAPS: dict[str, Trap] = {
    "link": lambda at, outside: at.symlink_to(outside / "file"),
    "link to nothing": lambda at, outside: at.symlink_to(outside / "new"),
    "link to a folder": lambda at, outside: at.symlink_to(outside),
    "pipe": lambda at, _: os.mkfifo(at),
    "socket": lambda at, _: socket.socket(socket.AF_UNIX).bind(os.path.relpath(at)),
    "folder": lambda at, _: at.mkdir(),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_in_the_place_of_a_file_is_never_opened(
    trap: str, folder: Folder, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    at = Path(folder.path, "config.json")
    TRAPS[trap](at, outside)
    before = at.lstat()
    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_APPEND):
        with pytest.raises((Odd, OSError)):
            folder.open("config.json", flags)
    if trap != "folder":
        assert folder.listing().odd == ("config.json",)
        with pytest.raises(Odd):
            folder.entry("config.json")
    with pytest.raises((FileExistsError, OSError)):
        folder.save("fresh", b"new")
        folder.move("fresh", "config.json", replace=False)
    assert at.lstat() == before
    assert [path.name for path in outside.iterdir()] == ["file"] and (outside / "file").read_text() == "kept"


def test_a_folder_on_the_way_is_no_link(folder: Folder, outside: Path) -> None:
    Path(folder.path, "1_Pooling").symlink_to(outside)
    for act in (
        lambda: folder.open("1_Pooling/file"),
        lambda: folder.remove("1_Pooling/file"),
        lambda: folder.move("1_Pooling/file", "file", replace=True),
        lambda: folder.open("1_Pooling/new", os.O_WRONLY | os.O_CREAT, make=True),
    ):
        with pytest.raises(Odd):
            act()
    assert folder.listing().files == {} and folder.listing().odd == ("1_Pooling",)
    folder.clear("1_Pooling")
    assert [path.name for path in outside.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["../outside/file", "/etc/passwd", "", ".", "a/../../outside/file", "a\0b", "a\nb"])
def test_a_name_that_leads_out_is_no_name(name: str, folder: Folder, outside: Path) -> None:
    for act in (folder.open, folder.remove, folder.entry, folder.clear):
        with pytest.raises(Odd):
            act(name)
    assert (outside / "file").read_text() == "kept"


def test_what_is_written_to_has_no_second_name(folder: Folder, outside: Path) -> None:
    """A hard link: writing to it would write to the other file."""
    os.link(outside / "file", Path(folder.path, "part"))
    with pytest.raises(Odd):
        folder.open("part", os.O_RDWR | os.O_APPEND)
    folder.save("part", b"new")
    assert (outside / "file").read_text() == "kept" and Path(folder.path, "part").read_bytes() == b"new"


def test_clearing_goes_no_further_than_the_folder(folder: Folder, outside: Path) -> None:
    inner = Path(folder.path, ".provision-parts", "a")
    inner.mkdir(parents=True)
    (inner / "link").symlink_to(outside)
    (inner / "file").write_text("part")
    folder.clear(".provision-parts")
    assert not inner.parent.exists() and (outside / "file").exists()


def test_without_hard_links_a_file_is_not_replaced_either(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    folder.save("sent", b"new")
    Path(folder.path, "theirs").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        folder.move("sent", "theirs", replace=False)
    assert Path(folder.path, "theirs").read_bytes() == b"theirs"
    folder.move("sent", "here", replace=False)
    assert Path(folder.path, "here").read_bytes() == b"new"


def test_a_pipe_in_a_folder_that_is_only_read_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(OSError, match="no file"):
        follow(tmp_path)("config.json")


def test_a_folder_in_which_others_write_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "shared" / "model"
    place.mkdir(parents=True)
    for path, mode, why in (
        (place, 0o777, "everybody can write in"),
        (place, 0o1777, "everybody can write in"),
        (place.parent, 0o777, "everybody can write in"),
    ):
        path.chmod(mode)
        with pytest.raises(UnsafePlace, match=why):
            Folder.at(str(place))
        path.chmod(0o755)
    place.parent.chmod(0o1777)  # as /tmp
    assert Folder.at(str(place)).path


@pytest.mark.needs("root")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "theirs" / "model"
    place.mkdir(parents=True)
    os.chown(place.parent, 12345, -1)
    with pytest.raises(UnsafePlace, match="belongs to user 12345"):
        Folder.at(str(place))
    with pytest.raises(UnsafePlace):
        Folder.at(str(place.parent / "new"), make=True)
    assert not (place.parent / "new").exists()


@pytest.mark.needs("root")
def test_a_group_of_others_may_not_write(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    os.chown(place, -1, 54321)
    place.chmod(0o775)
    with pytest.raises(UnsafePlace, match="the group 54321 can write in"):
        Folder.at(str(place))


@pytest.mark.parametrize(
    ("name", "members", "primary", "refused"),
    [("me", [], "me", False), ("me", ["me", "root"], "me", False), ("me", ["other"], "me", True),
     ("users", [], "me", True), ("me", [], "other", True)],
)  # fmt: skip
def test_a_private_group_may_write(
    name: str, members: list[str], primary: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`primary`: whose primary group it is as well."""
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o775)
    gid = place.stat().st_gid
    monkeypatch.setattr(places.grp, "getgrgid", lambda _: SimpleNamespace(gr_name=name, gr_mem=members))
    monkeypatch.setattr(places.pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me", pw_gid=gid))
    monkeypatch.setattr(places.pwd, "getpwall", lambda: [SimpleNamespace(pw_name=primary, pw_gid=gid)])
    if refused:
        with pytest.raises(UnsafePlace, match="can write in"):
            Folder.at(str(place))
    else:
        assert Folder.at(str(place))


def test_a_link_above_the_folder_is_followed_where_only_root_or_we_could_make_it(tmp_path: Path) -> None:
    (tmp_path / "disk" / "model").mkdir(parents=True)
    (tmp_path / "data").symlink_to("disk")
    (tmp_path / "disk" / "up").symlink_to("../disk")
    for path in (tmp_path / "data" / "model", tmp_path / "data" / "up" / "model"):
        place = descend(str(path))
        assert os.fstat(place).st_ino == (tmp_path / "disk" / "model").stat().st_ino
        os.close(place)
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(UnsafePlace, match="is a link"):
        descend(str(tmp_path / "round"))
    (tmp_path / "back").symlink_to("disk/../disk")
    with pytest.raises(UnsafePlace, match="leads back up"):
        descend(str(tmp_path / "back"))


@pytest.mark.needs("root")
def test_a_link_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    os.lchown(tmp_path / "data", 12345, -1)
    with pytest.raises(UnsafePlace, match="is a link of user 12345"):
        descend(str(tmp_path / "data"))


def test_descriptors_are_closed(folder: Folder, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("a/b/c", "../x", "nothing"):
        for act in (folder.entry, folder.remove, folder.listing):
            with contextlib.suppress(Odd, OSError):
                act(name)
    with pytest.raises(OSError, match="No such file"):
        descend(str(tmp_path / "a" / "b"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_ledger_knows_what_was_written_and_only_that(folder: Folder) -> None:
    entry = Entry(3, "1.0000000000", SHA256)
    ledger = Ledger(folder, {})
    ledger.begin(made=True)
    ledger.add({"a b": entry, "c": entry})
    ledger.drop({"c"})
    again = Ledger(folder, {"older": entry})
    assert (again.made, again.files) == (True, {"a b": entry})
    assert Path(folder.path, NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "garbage", "\0" * 100, "provision-weights 2\n\n" + f"{SHA256} 1 1.0 a\n"])
def test_a_ledger_of_garbage_makes_nothing_ours(text: str, folder: Folder) -> None:
    Path(folder.path, NAME).write_text(text)
    assert Ledger(folder, {"older": Entry(1, "1.0", SHA256)}).files == {}


def test_a_ledger_that_is_a_link_is_not_read(folder: Folder, outside: Path) -> None:
    ledger = text_of("provision-written 1", {}, {"a": Entry(1, "1.0", SHA256)})
    (outside / "file").write_text(ledger)
    Path(folder.path, NAME).symlink_to(outside / "file")
    with pytest.raises((Odd, OSError)):
        Ledger(folder, {})


def test_times_are_as_find_prints_them(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(0, 1_700_000_000_000_000_042))
    assert entry_of(tmp_path.stat()).mtime == "1700000000.0000000420"


def test_root_that_works_for_nobody_stays_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who is not root changes nothing."""
    called: list[object] = []
    monkeypatch.setattr(os, "setresuid", lambda *ids: called.append(ids))
    monkeypatch.setattr(os, "umask", lambda mask: 0o022)
    places.become("")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    places.become("root")
    assert called == []


def swapping(monkeypatch: pytest.MonkeyPatch, at: Path, outside: Path) -> None:
    """Whoever owns the folder puts a link in the place of `at` the moment after it was looked at."""
    look = os.stat

    def late(path: object, **how: Any) -> os.stat_result:
        there = look(path, **how)  # type: ignore[call-overload]
        if path == at.name and not at.is_symlink():
            at.rename(at.with_name("aside"))
            at.symlink_to(outside if stat.S_ISDIR(there.st_mode) else outside / "file")
        return there  # type: ignore[no-any-return]

    monkeypatch.setattr(os, "stat", late)


def test_a_folder_that_becomes_a_link_after_the_look_is_not_entered(
    folder: Folder, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapping(monkeypatch, Path(folder.path), outside)
    with pytest.raises(NotADirectoryError):
        descend(f"{folder.path}/inner", make=0o700)
    assert Path(folder.path).is_symlink() and [path.name for path in outside.iterdir()] == ["file"]


def test_a_file_that_becomes_a_link_after_the_look_is_not_read(
    folder: Folder, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Path(folder.path, "config.json")
    at.write_text("{}")
    swapping(monkeypatch, at, outside)
    assert folder.entry("config.json") is not None and at.is_symlink()
    with pytest.raises(OSError, match="symbolic links"):
        folder.read("config.json", 100)
