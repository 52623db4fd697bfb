"""What runs of the tests that were killed have left, tests/machine.py: removed by the next one."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import machine
import pytest
import scratch

#: Above what any kernel gives out as a pid (proc_sys_kernel(5), pid_max).
NOBODY = str(1 << 23)


def test_runs_that_begin_together_do_not_take_files_from_each_other(tmp_path: Path) -> None:
    for number in range(200):
        folder = tmp_path / NOBODY / "lab" / f"layer-{number}"
        folder.mkdir(parents=True)
        for name in ("images.json", "layers.json"):
            (folder / name).touch()
    alive = tmp_path / str(os.getpid())
    alive.mkdir()
    together = Barrier(4)

    def begin(_: int) -> None:
        together.wait()
        machine.remove_left(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    assert alive.is_dir() and not (tmp_path / NOBODY).exists()
    machine.remove_left(tmp_path / "nothing")


def test_a_file_system_that_was_never_mounted_is_removed_with_them(tmp_path: Path) -> None:
    kept = [tmp_path / f"{os.getpid()}.img", tmp_path / "7.img.old", tmp_path / ".img"]
    for path in (*kept, tmp_path / f"{NOBODY}.img"):
        path.touch()
    machine.remove_left(tmp_path)
    assert {*tmp_path.glob("*img*")} == {*kept}


def test_what_one_has_left_that_had_our_pid_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(machine.VARIABLE, str(tmp_path))
    monkeypatch.setattr(machine, "default_root", lambda: tmp_path / "labs")
    left = tmp_path / "provision-lab-tests" / str(os.getpid())
    (left / "lab").mkdir(parents=True)
    assert machine.own_labs() == left and not left.exists()
    (left / "lab").mkdir(parents=True)
    assert machine.own_labs() == left and (left / "lab").is_dir(), "a run within a run has its own"


def test_a_folder_that_is_there_stays_one_like_others(tmp_path: Path) -> None:
    (tmp_path / "labs/lab").mkdir(parents=True)
    scratch.mount(tmp_path / "labs")
    assert [*tmp_path.iterdir()] == [tmp_path / "labs"] and [*(tmp_path / "labs").iterdir()] == [tmp_path / "labs/lab"]


@pytest.mark.needs("mount", "mkfs.ext4")
def test_a_file_system_of_their_own_is_gone_with_them_whoever_has_a_file_open(tmp_path: Path) -> None:
    place = tmp_path / NOBODY
    place.mkdir()
    scratch.mount(place)
    if not place.is_mount():  # such as in a container that has no loop devices
        pytest.skip("this machine mounts no image")
    assert [*tmp_path.iterdir()] == [place] and [*place.iterdir()] == []
    with (place / "log").open("w"):
        machine.remove_left(tmp_path)
    assert not place.exists()


def test_where_none_can_be_mounted_the_labs_are_in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    scratch.mount(tmp_path / "labs")
    assert not (tmp_path / "labs").is_mount()
    for name in ("mkfs.ext4", "mount"):
        (tmp_path / name).write_text(f"#!/bin/sh\n[ {name} != mount ]\n")
        (tmp_path / name).chmod(0o755)
    scratch.mount(tmp_path / "labs")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mkfs.ext4", "mount"]
