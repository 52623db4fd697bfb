"""The lead: a process beside the member of the first host, which knows who came, and says when to begin."""

from __future__ import annotations

import hmac
import json
import os
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from provision.payload.all_reduce.asked import LEAD, Asked, progress
from provision.payload.all_reduce.processes import Lines

#: Seconds: a member says every second that it lives; one that has not for so long is stopped, or cut off.
SILENCE = 10.0

#: Of connections that have not said who they are, as many are open.
STRANGERS = 64


class Lead:
    """`seats`: host → what it last said of itself. `record`: a file in memory, for what it found."""

    def __init__(self, asked: Asked, listener: socket.socket) -> None:
        self.asked = asked
        self.listener = listener
        self.eyes = selectors.DefaultSelector()
        self.eyes.register(listener, selectors.EVENT_READ)
        self.sockets: list[socket.socket] = []
        self.strangers: dict[Lines, socket.socket] = {}
        self.record = os.memfd_create("lead")
        self.seats: dict[str, dict[str, Any]] = {}
        self.links: dict[str, Lines] = {}
        self.told = ""

    def run(self) -> None:
        outcome, why = self.follow()
        for seat in self.seats.values():
            seat["silent"] = round(time.monotonic() - seat.pop("heard"), 1)
        for link in self.links.values():
            link.say(stop=outcome)
        # Printed by the member's process, when nothing else is: a long line is not written in one piece.
        with os.fdopen(self.record, "w") as file:
            json.dump({"outcome": outcome, "why": why, "seats": self.seats}, file)
        self.listen(time.monotonic() + 0.5, lambda: all(link.ended for link in self.links.values()))

    def follow(self) -> tuple[str, list[str]]:
        """(how it ended, names of the hosts that it waited for)."""
        asked = self.asked
        if missing := self.wait(asked.began + asked.come, "", bool):
            return "missing", missing
        what = "torch, or another proof, on " if asked.company else "torch on "
        if missing := self.wait(time.monotonic() + asked.load, what, lambda seat: "gpus" in seat):
            return self.ended("loading", missing)
        with socket.socket(self.listener.family) as spare:
            spare.bind((asked.meet[0], 0))
            go = {"port": spare.getsockname()[1], "gpus": {name: self.seats[name]["gpus"] for name in asked.names}}
        for link in self.links.values():
            link.say(go=go)
        deadline = time.monotonic() + asked.measure
        if missing := self.wait(deadline, "the all-reduce on ", lambda seat: "result" in seat):
            return self.ended("stuck", missing)
        return "done", []

    def ended(self, phase: str, missing: list[str]) -> tuple[str, list[str]]:
        if self.silent():
            return "silent", self.silent()
        return ("failed", self.failed()) if self.failed() else (phase, missing)

    def silent(self) -> list[str]:
        now = time.monotonic()
        return [name for name, seat in self.seats.items() if now - seat["heard"] > SILENCE]

    def failed(self) -> list[str]:
        return [
            name for name, seat in self.seats.items() if "failed" in seat or ("gone" in seat and "result" not in seat)
        ]

    def wait(self, deadline: float, what: str, holds: Callable[[dict[str, Any]], bool]) -> list[str]:
        """Until `holds` of every host; the names of those of whom it does not. When one has failed, the others have a
        moment to say so as well: they know more, or have failed first."""

        def missing() -> list[str]:
            return [name for name in self.asked.names if name not in self.seats or not holds(self.seats[name])]

        def over() -> bool:
            left = missing()
            if left and what + left[0] != self.told and self.asked.since_began() > 2:
                self.told = what + left[0]
                progress("waiting for " + what + ", ".join(left[:4]) + (" …" if len(left) > 4 else ""))
            return not left or bool(self.failed() or self.silent())

        self.listen(deadline, over)
        if self.failed():
            self.listen(time.monotonic() + 3, lambda: len(self.failed()) == len(self.seats))
        return missing()

    def listen(self, deadline: float, over: Callable[[], bool]) -> None:
        while not over() and time.monotonic() < deadline:
            for key, _ in self.eyes.select(0.2):
                if key.fileobj is self.listener:
                    self.greet()
                else:
                    self.hear(key.data)

    def greet(self) -> None:
        link, _ = self.listener.accept()
        # Those who do not say who they are take no place from those who do.
        if len(self.strangers) >= STRANGERS:
            self.leave(next(iter(self.strangers)))
        lines = Lines(link.fileno())
        self.strangers[lines] = link
        lines.say(tag=self.asked.tag(LEAD))
        self.eyes.register(link, selectors.EVENT_READ, lines)

    def leave(self, lines: Lines) -> None:
        link = self.strangers.pop(lines)
        self.eyes.unregister(link)
        link.close()

    def hear(self, lines: Lines) -> None:
        if not lines.name and lines not in self.strangers:
            return  # it has been left a moment ago
        for words in lines.read():
            if not lines.name:
                name, tag = words.pop("name", None), words.pop("tag", None)
                if not self.known(name, tag) or name in self.seats:
                    lines.say(stop="unknown")
                    self.leave(lines)
                    return
                lines.name = name
                self.sockets.append(self.strangers.pop(lines))
                self.links[name] = lines
                self.seats[name] = {"name": name, "stage": "coming"}
            self.seats[lines.name].update(words, heard=time.monotonic())
        if lines.ended:
            if not lines.name:
                self.leave(lines)
                return
            self.eyes.unregister(lines.descriptor)
            self.seats[lines.name]["gone"] = True

    def known(self, name: Any, tag: Any) -> bool:
        if not isinstance(name, str) or not isinstance(tag, str) or name not in self.asked.names:
            return False
        return hmac.compare_digest(tag.encode("utf-8", "replace"), self.asked.tag(name).encode())
