"""A playbook that comes with the package is loaded while the hosts are asked; a person's own before any is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster_samples import cluster

import provision
from provision import api
from provision.core.errors import PlaybookError
from provision.core.playbook import Playbook
from provision.engine.state import Job
from provision.stack.later import Later, PlaybookFunction


def test_it_is_loaded_once_and_not_before_it_is_needed() -> None:
    loaded = []

    def load() -> PlaybookFunction:
        loaded.append("now")
        return lambda _: Playbook(outcome=["it was called"])

    later = Later(load, removes=False)
    assert not loaded
    later.ready()
    assert loaded == ["now"]
    assert later(cluster()).outcome == ["it was called"] and len(loaded) == 1


def test_one_that_was_not_made_ready_is_loaded_when_it_is_called() -> None:
    later = Later(lambda: lambda _: Playbook(outcome=["it was called"]), removes=False)
    assert later(cluster()).outcome == ["it was called"]


class Ran(Exception):
    """Hosts would be contacted now."""


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Job]:
    """Of each run that would begin."""
    jobs: list[Job] = []

    def run(job: Job, *_: Any) -> None:
        jobs.append(job)
        raise Ran

    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(api, "Run", run)
    return jobs


def inventory(tmp_path: Path, *, playbook: str = "") -> provision.Inventory:
    path = tmp_path / "cluster.yaml"
    path.write_text(f"cluster: alone\nhosts: {{gpu-01: {{address: 127.0.0.1}}}}\n{playbook}")
    return provision.load(path)


def test_a_mistake_in_ones_own_is_said_before_any_host_is_contacted(jobs: list[Job], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(PlaybookError, match="nothing_of_that_name"):
        provision.check(inventory(tmp_path, playbook="playbook: mine.py\n"))
    assert not jobs


def test_a_built_in_one_is_made_ready_by_the_run(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = []

    def load(self: api.PlaybookFile, _: object) -> PlaybookFunction:
        loaded.append(self.path.name)
        return lambda _: Playbook()

    monkeypatch.setattr(api.PlaybookFile, "load", load)
    with pytest.raises(Ran):
        provision.check(inventory(tmp_path))
    (job,) = jobs
    assert not loaded and job.meanwhile is not None
    job.meanwhile()
    assert loaded == ["vllm_ray.py"]
