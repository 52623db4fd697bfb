"""Files and folders to a host: whole or not at all, for the owner alone."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.core.errors import Cancelled, ScriptFailed, UsageError
from provision.core.script import Script, Upload
from provision.inventory.models import Host
from provision.transport import Session, Transport, upload

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]


@pytest.fixture
def session(make_host: MakeHost) -> Iterator[Session]:
    host = make_host()
    with Transport([host]) as transport:
        yield transport.connect(host)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "sub dir").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "plain").write_text("plain\n")
    (source / "sub dir" / "program").write_text("#!/bin/sh\necho ran\n")
    (source / "sub dir" / "program").chmod(0o755)
    (source / ("long " * 40 + "é")).write_bytes(os.urandom(3_000_001))
    (source / "link").symlink_to("plain")
    return source


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_arrives_with_its_contents_and_owner_only_modes(session: Session, tree: Path, tmp_path: Path) -> None:
    into = tmp_path / "a b's" / "target"
    told: list[tuple[int, int]] = []
    session.send([Upload(tree, str(into))], on_bytes=lambda sent, total: told.append((sent, total)))
    assert contents(into / "source") == contents(tree)
    assert (into / "source" / "empty").is_dir()
    assert not (into / "source" / "link").is_symlink()
    assert into.stat().st_mode & 0o777 == 0o700
    assert (into / "source" / "plain").stat().st_mode & 0o777 == 0o600
    assert (into / "source" / "sub dir" / "program").stat().st_mode & 0o777 == 0o700
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 3_000_000
    assert session.commands == 1


def test_what_was_there_under_the_name_is_replaced_and_the_rest_is_left(
    session: Session, tree: Path, tmp_path: Path
) -> None:
    into = tmp_path / "target"
    (into / "source" / "stale").mkdir(parents=True)
    (into / "other").write_text("kept")
    for _ in range(2):
        session.send([Upload(tree, str(into))])
    assert contents(into / "source") == contents(tree)
    assert not (into / "source" / "stale").exists()
    assert sorted(path.name for path in into.iterdir()) == ["other", "source"]


@pytest.mark.needs("tcsh")
def test_a_tilde_is_the_home_of_the_user_over_there(user, make_host: MakeHost, tree: Path) -> None:
    name = user.make("/usr/bin/tcsh")
    host = make_host(user=name)
    with Transport([host]) as transport:
        transport.connect(host).send([Upload(tree / "plain", "~/x/y"), Upload(tree / "sub dir", "~")])
        (fragment,) = transport.connect(host).run(
            [Script('cd; cat x/y/plain; "sub dir/program"; stat -c %U x/y/plain')]
        )
    assert fragment.stdout == f"plain\nran\n{name}\n"


def test_a_folder_that_cannot_be_written_names_the_reason(session: Session, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ScriptFailed, match="cannot store") as caught:
        session.send([Upload(tree, f"{tmp_path}/file/below")])
    assert "Not a directory" in "".join(caught.value.evidence)
    assert session.run([Script("echo alive")])[0].stdout == "alive\n"


@pytest.mark.needs("mount")
def test_a_full_disk_names_the_reason_and_leaves_nothing_half(session: Session, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(8 << 20))
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=True)
    try:
        with pytest.raises(ScriptFailed) as caught:
            session.send([Upload(tmp_path / "big", str(disk / "into"))])
        assert "100%" in "".join(caught.value.evidence)
        assert list((disk / "into").iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_stream_that_ends_between_two_files_is_not_taken_for_a_whole_one(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        (tmp_path / "source" / f"{n}").parent.mkdir(exist_ok=True)
        (tmp_path / "source" / f"{n}").write_bytes(bytes(1000))
    cut = _Cut(monkeypatch, after=3 * 512 + 2 * 1024)  # the folder and two of its files, headers and contents
    with pytest.raises(ScriptFailed):
        session.send([Upload(tmp_path / "source", str(tmp_path / "into"))])
    assert cut.done
    assert list((tmp_path / "into").iterdir()) == []


class _Cut:
    """Lets so many bytes of the tar stream through, then ends it: what a killed controller looks like."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int, whole: int = 0) -> None:
        """`after`: bytes of the block that follows `whole` ones. Once it is `repaired`, it counts what is `sent`."""
        self.done, self.repaired, self.sent, self._whole = False, False, 0, whole
        write = upload._Writer.write

        def limited(writer: upload._Writer, data: bytes) -> int:
            if self.repaired or self._whole:
                self._whole -= not self.repaired
                self.sent += len(data)
                return write(writer, data)
            if not self.done:
                write(writer, data[:after])
                writer._pipe.channel.shutdown_write()
                self.done = True
            return len(data)

        monkeypatch.setattr(upload._Writer, "write", limited)


@pytest.mark.parametrize("changed", [False, True])
def test_a_large_file_goes_on_where_it_was_cut(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, changed: bool
) -> None:
    """A wheel of gigabytes, in small. What is there is believed only where it is the beginning of this file."""
    monkeypatch.setattr(upload, "PART", 1 << 20)
    source, into = tmp_path / "big wheel-1.0.whl", tmp_path / "into"
    source.write_bytes(os.urandom(20 << 20))
    cut = _Cut(monkeypatch, after=1 << 20, whole=11)
    with pytest.raises(ScriptFailed, match="cannot store") as caught:
        session.send([Upload(source, str(into))])
    assert cut.done and f"{12 << 20} of {20 << 20} bytes" in "".join(caught.value.evidence)
    (part,) = into.iterdir()
    assert part.stat().st_size == 12 << 20 and part.name.startswith(".provision-part.")
    if changed:
        with part.open("r+b") as file:
            file.write(b"other")
    cut.repaired, cut.sent = True, 0
    told: list[tuple[int, int]] = []
    session.send([Upload(source, str(into))], on_bytes=lambda sent, total: told.append((sent, total)))
    assert cut.sent == (20 << 20 if changed else 8 << 20)
    assert told[-1] == (20 << 20, 20 << 20)
    assert [path.name for path in into.iterdir()] == [source.name]
    there = into / source.name
    assert there.read_bytes() == source.read_bytes() and int(there.stat().st_mtime) == int(source.stat().st_mtime)
    assert there.stat().st_mode & 0o777 == 0o600


def test_a_part_of_an_earlier_version_of_a_large_file_goes(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PART", 1 << 20)
    source, into = tmp_path / "a*b", tmp_path / "into"
    source.write_bytes(os.urandom(2 << 20))
    into.mkdir(mode=0o700)
    (into / ".provision-part.77.1.a*b").write_text("of another size")
    (into / ".provision-part.77.1.aXb").write_text("of another name")
    session.send([Upload(source, str(into))])
    assert sorted(path.name for path in into.iterdir()) == [".provision-part.77.1.aXb", "a*b"]


def test_a_cancelled_transfer_leaves_nothing_that_looks_whole(make_host: MakeHost, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(64 << 20))
    into = tmp_path / "into"
    host, cancel = make_host(), threading.Event()

    def stop(sent: int, total: int) -> None:
        if sent > total // 2:
            cancel.set()

    with Transport([host], cancel=cancel) as transport, pytest.raises(Cancelled):
        transport.connect(host).send([Upload(tmp_path / "big", str(into))], on_bytes=stop)
    assert not (into / "big").exists()


def test_a_source_that_is_not_there_is_refused_before_anything_is_sent(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        session.send([Upload(tmp_path / "nowhere", str(tmp_path))])
    assert session.commands == 0
