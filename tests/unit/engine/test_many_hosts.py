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


def test_also_where_they_serve_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose ranks each host counts, and whose addresses each is told."""
    bare = many.inventory

    def serving(folder: Path, count: int) -> Path:
        path = bare(folder, count)
        path.write_text(
            f"{path.read_text()}serve: {{model: /models/x, tensor_parallel: 8, pipeline_parallel: {count}}}\n"
        )
        return path

    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(many, "inventory", serving)
    monkeypatch.setattr(many, "complain", lambda *_: None)  # of a cluster without a model
    calls(8, tmp_path / "warm")
    few, more = calls(64, tmp_path / "few"), calls(128, tmp_path / "more")
    assert more < 2.1 * few
