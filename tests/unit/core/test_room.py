"""Where the system takes no file, the hint fits the reason: each errno once, and each on a real file system."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.core.room import way_out
from provision.environment.lockfile import parse_lock

MOVE = "name a writable folder in PROVISION_STATE_DIR"

HINTS = {
    errno.ENOSPC: "free some space there (`df -h ",
    errno.EDQUOT: "quota",
    errno.EROFS: "mounted read-only",
    errno.ENAMETOOLONG: "a shorter name",
    errno.EACCES: MOVE,
    errno.ENOTDIR: MOVE,
    errno.ELOOP: MOVE,
}


@pytest.mark.parametrize("number", HINTS, ids=errno.errorcode.get)
def test_the_hint_fits_the_errno_and_names_the_variable(tmp_path: Path, number: int) -> None:
    hint = way_out(OSError(number, os.strerror(number)), tmp_path / "not" / "there", MOVE)
    assert HINTS[number] in hint and MOVE in hint


def test_a_table_of_inodes_that_is_full_is_told_from_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "")
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result((4096, 4096, 100, 50, 50, 100, 0, 0, 0, 255)))
    assert "no inodes are left (`df -i" in way_out(full, tmp_path, MOVE)
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result((4096, 4096, 100, 50, 50, 0, 0, 0, 0, 255)))
    assert "free some space there" in way_out(full, tmp_path, MOVE), "btrfs has no such table"


def test_a_write_that_says_no_place_still_has_a_hint() -> None:
    assert "df -h" in way_out(OSError(errno.ENOSPC, ""), Path(), "")
    assert way_out(OSError(errno.EACCES, ""), Path(), "") == ""


@pytest.mark.parametrize("move", ["", MOVE])
def test_a_limit_on_open_files_has_no_other_folder(tmp_path: Path, move: str) -> None:
    assert way_out(OSError(errno.EMFILE, ""), tmp_path, move).endswith("`ulimit -n` shows how many")


def full(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def no_inodes(place: Path) -> None:
    for number in range(100):
        try:
            (place / str(number)).touch()
        except OSError:
            return


def read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)


FAULTS: dict[Callable[[Path], None], str] = {full: "df -h", no_inodes: "df -i", read_only: "read-only"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=8,mode=700", "none", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


INVENTORY = """\
cluster: llama
hosts: {gpu-01: {address: 127.0.0.1, role: head, ssh: {port: 1, user: root}}}
python: {packages: [tiny], version: "3.11", wheels: controller}
"""


@pytest.mark.needs("mount")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_command_calls_it_a_bug(disk: Path, tmp_path: Path, fault: Callable[[Path], None]) -> None:
    """The state folder, the cache and the home folder at once: all commands that read or write there."""
    fault(disk)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    lock, header = tmp_path / "inventory.lock", "# python: 3.11\n# platform: x86_64-manylinux_2_28\n"
    body = f"tiny==1.0 --hash=sha256:{'ab' * 32}\n"
    digest = parse_lock(header + body, lock, edited=True).digest
    lock.write_text(f"{header}# digest: {digest}\n# packages: 1\n{body}")
    environment = {**os.environ, "HOME": str(disk), "PROVISION_STATE_DIR": str(disk / "state"), "NO_COLOR": "1"}
    environment["XDG_CACHE_HOME"] = str(disk / "cache")
    code = (
        "import sys\nfrom provision.cli.group import provision\n"
        "for line in ('up', 'plan', 'check', 'check --since-up', 'down', 'smoke', 'bench', 'trust'):\n"
        "    try:\n        provision.main(line.split())\n"
        "    except SystemExit as end:\n        print('==', line, end.code + 0, file=sys.stderr, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "bug:" not in done.stderr and "Traceback" not in done.stderr, done.stderr
    codes = dict(line.removeprefix("== ").rsplit(" ", 1) for line in done.stderr.splitlines() if line[:3] == "== ")
    assert (codes["plan"], codes["check"], codes["down"]) == ("4", "4", "4"), "reading needs no room"
    assert codes["up"] == "1"
    assert FAULTS[fault] in done.stderr
