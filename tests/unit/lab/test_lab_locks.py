"""Locks that may be had at once or not at all, and whose file goes with the last holder."""

import threading
from pathlib import Path

import pytest

from provision.lab.state import claimed


def test_a_lock_is_had_alone_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "below" / "x.lock"
    with claimed(path):
        for shared in (False, True):
            with pytest.raises(BlockingIOError), claimed(path, shared=shared):
                raise AssertionError("held twice")
    assert not path.exists()


def test_the_file_stays_until_the_last_who_shares_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with claimed(path, shared=True):
        with claimed(path, shared=True):
            pass
        assert path.exists()
        with pytest.raises(BlockingIOError), claimed(path):
            raise AssertionError("it was deleted under the first")
    assert not path.exists()


def test_nobody_holds_a_file_that_was_deleted(tmp_path: Path) -> None:
    """Who opens the file just before its holder deletes it must not believe that he holds it."""
    path, inside, most, both = tmp_path / "x.lock", 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        taken = 0
        while taken < 100:
            try:
                with claimed(path):
                    taken += 1
                    with both:
                        inside += 1
                        most = max(most, inside)
                    with both:
                        inside -= 1
            except BlockingIOError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
