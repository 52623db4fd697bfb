"""Which large files go from host to host, and who waits for whom."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import cast

import pytest

from provision.engine import relaying
from provision.engine.relaying import Gathering, Relaying, grouped
from provision.engine.schedule import Stretch
from provision.transport.upload import UploadPlace

A, B = Path("/here/a"), Path("/here/b")


def at(host: str, folder: str = "uploads") -> UploadPlace:
    return UploadPlace(f"/root-of-{host}/{folder}", "", "")


def test_hosts_that_lack_the_same_are_one_group() -> None:
    lacks: Mapping[str, Mapping[UploadPlace, tuple[Path, ...]]] = {
        "one": {at("one"): (A, B), at("one", "model"): (A,)},
        "two": {at("two"): (A, B)},
        "three": {at("three"): (B,)},
        "four": {},
    }
    assert grouped(lacks) == [
        ((A, B), {"one": at("one"), "two": at("two")}),
        ((A,), {"one": at("one", "model")}),
        ((B,), {"three": at("three")}),
    ]


class Told(Relaying):
    def __init__(self, concerned: Sequence[str], *, had: bool = False) -> None:
        self.concerned, self.had = concerned, had
        self.relayed: list[list[str]] = []

    def concerns(self, stretch: Stretch) -> bool:
        return stretch.host in self.concerned

    def served(self, stretch: Stretch) -> bool:
        return self.had

    def ahead(self, stretches: Sequence[Stretch]) -> None:
        self.relayed.append([stretch.host for stretch in stretches])


def stretches(*hosts: str) -> list[Stretch]:
    return [Stretch(host, ()) for host in hosts]


def test_they_wait_for_each_other_and_nobody_else_does() -> None:
    told = Told(["one", "two", "three"])
    with ThreadPoolExecutor(2) as pool:
        gathering = Gathering(told, pool)
        assert gathering.ready(stretches("one", "other"), busy=False) == stretches("other")
        assert gathering.ready(stretches("two", "three"), busy=True) == []
        assert gathering.patience is not None
        assert told.relayed == []
        assert gathering.ready([], busy=False) == []
        wait(gathering.running)
        assert told.relayed == [["one", "two", "three"]]
        assert gathering.ready([], busy=False) == stretches("one", "two", "three")
        assert not gathering.running and gathering.patience is None


def test_one_alone_waits_for_none() -> None:
    told = Told(["one"])
    gathering = Gathering(told, cast(ThreadPoolExecutor, None))
    assert gathering.ready(stretches("one"), busy=False) == stretches("one")
    assert told.relayed == []


def test_one_alone_has_it_from_a_host_that_has_it() -> None:
    told = Told(["one"], had=True)
    with ThreadPoolExecutor(1) as pool:
        gathering = Gathering(told, pool)
        assert gathering.ready(stretches("one"), busy=False) == []
        wait(gathering.running)
        assert told.relayed == [["one"]]
        assert gathering.ready([], busy=False) == stretches("one")


def test_one_that_is_still_at_something_else_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "TOGETHER", 0.0)
    told = Told(["one", "two"])
    with ThreadPoolExecutor(2) as pool:
        gathering = Gathering(told, pool)
        gathering.ready(stretches("one", "two"), busy=True)
        wait(gathering.running)
        assert told.relayed == [["one", "two"]]
