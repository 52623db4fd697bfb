"""A playbook is loaded, and its mistakes are said, before any host is contacted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import provision
from provision import api
from provision.core.errors import PlaybookError
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFunction
from provision.engine.state import Job


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


def test_a_built_in_one_is_loaded_before_any_host_is_contacted_too(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = []

    def load(self: api.PlaybookFile, _: object) -> PlaybookFunction:
        loaded.append(self.path.name)
        return lambda _: Playbook()

    monkeypatch.setattr(api.PlaybookFile, "load", load)
    with pytest.raises(Ran):
        provision.check(inventory(tmp_path))
    assert len(jobs) == 1
    assert loaded == ["vllm_ray.py"]
