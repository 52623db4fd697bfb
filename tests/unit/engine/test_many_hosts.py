"""What the controller does by itself grows with the number of hosts, and not with its square; counted in calls of
functions, which are the same on a busy machine. `python -m benchmarks.many` has the times."""

import cProfile
from pathlib import Path

import pytest

from benchmarks import many


def calls(count: int, folder: Path) -> int:
    folder.mkdir()
    profile = cProfile.Profile()
    profile.enable()
    many.run(count, folder)
    profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("uid", ["1000", "0"])  # root is asked for the table that keeps others out, too
def test_twice_as_many_hosts_are_twice_the_work(uid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(many, "FACTS", many.FACTS.replace("uid=1000", f"uid={uid}"))
    calls(8, tmp_path / "warm")  # what is loaded is loaded once
    few, more = calls(64, tmp_path / "few"), calls(128, tmp_path / "more")
    assert more < 2.1 * few
