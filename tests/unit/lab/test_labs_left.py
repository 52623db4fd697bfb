"""What runs of the tests that were killed have left, tests/machine.py: removed by the next one."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import machine

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
