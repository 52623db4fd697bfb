"""What else is under way on a host is over before the ranks say that they are ready to be measured."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from provision.payload.all_reduce.asked import Asked
from provision.payload.all_reduce.ranks import Ranks


class Said:
    """In place of the pipe to the member: what was said, and which of `pids` was there then."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.heard: list[tuple[dict[str, Any], list[int]]] = []

    def say(self, **words: Any) -> None:
        self.heard.append((words, [pid for pid in self.pids if Path(f"/proc/{pid}").exists()]))


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has no GPU."""
    made, distributed = ModuleType("torch"), ModuleType("torch.distributed")
    distributed.is_available = distributed.is_nccl_available = lambda: True  # type: ignore[attr-defined]
    made.cuda = SimpleNamespace(is_available=lambda: False)  # type: ignore[attr-defined]
    made.version = SimpleNamespace(cuda=None)  # type: ignore[attr-defined]
    made.__version__, made.distributed = "2.0", distributed  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", made)
    monkeypatch.setitem(sys.modules, "torch.distributed", distributed)


def asked(*company: int) -> Asked:
    seconds = {"come": 1, "load": 1, "measure": 1}
    return Asked(
        {"host": "a", "key": "k", "hosts": [{"name": "a", "ip": "::1"}], "port": 1, "company": company, **seconds}
    )


def test_they_are_ready_once_it_has_ended() -> None:
    with subprocess.Popen(["sleep", "0.7"]) as other:
        said = Said(other.pid)
        # It is reaped, as by the shell of a host.
        threading.Thread(target=other.wait).start()
        Ranks(asked(other.pid), SimpleNamespace(ended=True), said).run()  # type: ignore[arg-type]
    ((words, there),) = said.heard
    assert words["gpus"] == 0
    assert there == []


def test_they_wait_for_nobody_else() -> None:
    said = Said(1)
    Ranks(asked(), SimpleNamespace(ended=True), said).run()  # type: ignore[arg-type]
    assert [there for _, there in said.heard] == [[1]]
