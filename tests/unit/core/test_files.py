"""Files that a run leaves for others are never written through somebody else's link."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.core.files import obstacle, write_whole


@pytest.fixture(params=[0o000, 0o022], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """As /tmp is."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def strangers_link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    os.chown(path, 65534, -1, follow_symlinks=False)
    return path


def test_a_new_file_is_for_its_owner_unless_another_mode_is_asked_for(tmp_path: Path, umask: int) -> None:
    write_whole(tmp_path / "a", "x")
    write_whole(tmp_path / "b", "x", mode=0o644)
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o600, 0o644)


def test_a_file_that_is_there_keeps_its_mode_but_nobody_else_writes_to_it(tmp_path: Path, umask: int) -> None:
    for before, after in ((0o644, 0o644), (0o666, 0o644), (0o777, 0o755), (0o400, 0o400)):
        (tmp_path / "a").write_text("old")
        (tmp_path / "a").chmod(before)
        write_whole(tmp_path / "a", "new")
        assert mode(tmp_path / "a") == after
        (tmp_path / "a").unlink()


@pytest.mark.needs("root")
def test_a_strangers_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    link = strangers_link(shared / "report.html", tmp_path / "mine")
    write_whole(link, "page")
    assert not link.is_symlink() and link.read_text() == "page" and mode(link) == 0o600
    assert (tmp_path / "mine").read_text() == "mine"
    hanging = strangers_link(shared / "new.html", tmp_path / "not there")
    write_whole(hanging, "page")
    assert not hanging.is_symlink() and not (tmp_path / "not there").exists()


@pytest.mark.needs("root")
def test_a_strangers_link_on_the_way_is_refused_before_the_run(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "inner").mkdir()
    strangers_link(shared / "out", tmp_path / "inner")
    (tmp_path / "own").symlink_to(shared / "out")
    for way in (shared / "out" / "report.html", tmp_path / "own" / "report.html"):
        why, hint = obstacle(way)
        assert why == f"`{shared}/out` is a link that nobody made" and hint
        with pytest.raises(PermissionError, match="is a link that nobody made"):
            write_whole(way, "page")
    assert list((tmp_path / "inner").iterdir()) == []


def test_links_of_ours_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "a").symlink_to("folder/b")
    write_whole(tmp_path / "a", "x")
    write_whole(tmp_path / "folder" / ".." / "c", "y")
    assert (tmp_path / "a").is_symlink() and (tmp_path / "real" / "b").read_text() == "x"
    assert (tmp_path / "c").read_text() == "y"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        write_whole(tmp_path / "loop", "x")


@pytest.mark.needs("root")
def test_a_strangers_pipe_is_not_written_to(shared: Path) -> None:
    os.mkfifo(shared / "pipe")
    os.chown(shared / "pipe", 65534, -1)
    with pytest.raises(PermissionError, match="belongs to nobody"):
        write_whole(shared / "pipe", "x")


@pytest.mark.needs("root")
def test_where_a_strangers_link_cannot_be_replaced_it_is_said_before_the_run(open_path: Path) -> None:
    """By another user than root, who may replace all."""
    open_path.chmod(0o1777)
    link = open_path / "report.html"
    link.symlink_to("elsewhere")
    os.chown(link, 65533, -1, follow_symlinks=False)
    code = "import os, sys; os.setuid(65534)\nfrom pathlib import Path; from provision.core.files import obstacle\n"
    code += "print(obstacle(Path(sys.argv[1])))"
    # Loaded as root: another user might not reach this checkout.
    code = "import provision.core.files\n" + code
    done = subprocess.run([sys.executable, "-c", code, str(link)], capture_output=True, text=True, check=True)
    assert "is a link that 65533 made" in done.stdout


def test_the_output_of_this_process_can_be_named(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from provision.core.files import write_whole\n"
    code += "print('before', flush=True); write_whole(Path(sys.argv[1]), 'page\\n'); print('after')"
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        with (tmp_path / "out").open("w") as out:
            subprocess.run([sys.executable, "-c", code, name], stdout=out, check=True)
        assert (tmp_path / "out").read_text() == "before\npage\nafter\n"


def test_a_dash_is_no_file() -> None:
    assert obstacle(Path("-"))[0] == "`-` is not the name of a file"
