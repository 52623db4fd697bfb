"""What is no file is said to be none, and never waited for."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.core import reading
from provision.core.files import write_whole
from provision.core.reading import NotAFile, read_given, read_kept


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


ODD: dict[str, Callable[[Path], object]] = {"a named pipe": os.mkfifo, "a socket": listening}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PATIENCE", 0.05)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a socket has 107 characters at most."""
    monkeypatch.chdir(tmp_path)
    return Path("kept")


@pytest.mark.parametrize("kind", ODD)
def test_what_is_kept_is_a_file(here: Path, kind: str) -> None:
    ODD[kind](here)
    (here.with_name("link")).symlink_to("kept")
    for path in (here, here.with_name("link")):
        with pytest.raises(NotAFile) as caught:
            read_kept(path)
        assert (caught.value.strerror, caught.value.filename) == (f"{kind}, expected a file", str(path))
        with pytest.raises(NotAFile):
            write_whole(path, "x", kept=True)
    assert here.with_name("link").is_symlink(), "and nothing that lies there is removed"


def test_a_folder_and_a_device_are_no_file_either(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_kept(tmp_path)
    with pytest.raises(NotAFile, match="a device, expected a file"):
        read_kept(Path("/dev/zero"))
    with pytest.raises(NotAFile, match="a device"):
        write_whole(Path("/dev/null"), "x", kept=True)


def test_what_is_put_there_in_between_is_not_waited_for(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write_text("sound")
    before = here.stat()
    here.unlink()
    os.mkfifo(here)
    monkeypatch.setattr(Path, "stat", lambda _: before)
    with pytest.raises(NotAFile):
        read_kept(here)


def test_of_what_a_person_names_a_pipe_is_read_if_somebody_writes_to_it(here: Path) -> None:
    os.mkfifo(here)
    with pytest.raises(NotAFile, match="a named pipe, to which nobody writes"):
        read_given(here)
    writer = threading.Thread(target=lambda: here.write_text("late\n" * 30_000))
    writer.start()
    assert read_given(here) == b"late\n" * 30_000
    writer.join()
    with pytest.raises(NotAFile, match="a device"):
        read_given(Path("/dev/zero"))
    assert read_given(Path("/dev/null")) == b""
    here.unlink()
    listening(here)
    with pytest.raises(NotAFile, match="a socket"):
        read_given(here)


def test_a_shells_pipe_is_read_however_long_its_writer_takes(here: Path) -> None:
    code = "from pathlib import Path; from provision.core import reading; reading._PATIENCE = 0.05\n"
    code += "import sys; print(reading.read_given(Path(sys.argv[1])))"
    for said in ("sleep 0.3; echo x", "true"):
        line = f'exec "$0" -c "$1" <({said})'
        done = subprocess.run(["bash", "-c", line, sys.executable, code], capture_output=True, text=True, check=True)
        assert done.stdout == ("b'x\\n'\n" if "echo" in said else "b''\n")
