"""What is said of hosts that do not share a download."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from provision.core.events import Note
from provision.core.spread import Spread
from provision.engine.schedule import Stretch
from provision.engine.spreading import Spreading

SPREAD = Spread(("a/b",), "", "python3", "/r", "", "/r", {})


class Failing(Spreading):
    def __init__(self, failed: Mapping[str, str]) -> None:
        self.notes: list[str] = []
        carriers: Any = failed
        none: Any = None
        super().__init__(none, {}, carriers, self.hear, threading.Event(), none)
        self.failed = failed

    def hear(self, event: object) -> None:
        if isinstance(event, Note):
            self.notes.append(f"{event.host}: {event.text}")

    def of(self, stretch: Stretch) -> Spread:
        return SPREAD

    def _spread(self, able: Mapping[str, Spread], holders: Mapping[str, Spread]) -> Mapping[str, str]:
        return self.failed


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no other host takes part", "it downloads by itself: no other host takes part"),
        (
            "another host or run is at work on its folder",
            "it loads no share of the download: another host or run is at work on its folder",
        ),
    ],
)
def test_who_waits_for_another_one_does_not_download_by_itself(why: str, said: str) -> None:
    spreading = Failing({"one": why, "two": why})
    spreading.ahead([Stretch("one", ()), Stretch("two", ())])
    assert spreading.notes == [f"one: {said}", f"two: {said}"]
