"""What each host does in the network proof: listens on all of its ports, and connects to all of everybody else's.

It runs on whatever Python the hosts have (HOST_PYTHON in bundle.py, or newer, nothing installed), one process per host.
All are started at the same moment, but begin some seconds apart: a connection that is refused is tried again until the
other host is known to listen, or has missed its time.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from typing import Any

from provision.payload.network.connecting import Connecting, Peer
from provision.payload.network.listening import Listening
from provision.payload.network.wire import Tags, files_at_once

#: Seconds: how often it is looked at what time alone decides.
TICK = 0.1


class Part:
    """One host's part. `asked`: `me`, `address`, `ports`, `key`, `settle` (seconds within which all have begun),
    `patience` (seconds after which it ends whatever the others do), and `peers`: name → address, ports, listens."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._began = self._now = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._peers = {name: Peer(name, *rest) for name, rest in asked["peers"].items()}
        tags = Tags(asked["key"], [asked["me"], *self._peers])
        self._listening = Listening(self._selector, tags, self._clock, self._came, self._left)
        room = max(8, files_at_once() // 2 - len(asked["ports"]) - 16)
        self._connecting = Connecting(self._selector, tags, asked["me"], self._clock, self._late, room)

    def play(self) -> dict[str, Any]:
        # On all ports before it connects to anyone: who hears from this host knows that it listens.
        self._listening.listen(self._asked["me"], self._asked["address"], self._asked["ports"])
        self._connecting.begin(self._peers.values())
        looked = self._now
        while not self._over():
            self._connecting.go_on()
            for key, _ in self._selector.select(TICK):
                self._now = time.monotonic()
                key.data(key)
            self._now = time.monotonic()
            if self._now - looked > TICK:
                looked = self._now
                self._connecting.look(self._peers.values())
                self._listening.look()
        return self._said()

    def _clock(self) -> float:
        return self._now

    def _late(self) -> bool:
        return self._now - self._began > float(self._asked["settle"])

    def _came(self, name: str) -> None:
        self._connecting.is_up(self._peers[name])

    def _left(self, name: str) -> None:
        self._peers[name].left = True

    def _over(self) -> bool:
        if self._now - self._began > float(self._asked["patience"]):
            return True
        late = self._late()
        return all(p.done and (p.left or not p.listens or (late and not p.up)) for p in self._peers.values())

    def _said(self) -> dict[str, Any]:
        """Of the ports of a peer only those that were not reached are named, with why."""
        said = {}
        for name, peer in self._peers.items():
            verdicts = {port: peer.verdicts.get(port, ("unknown", "")) for port in peer.ports}
            said[name] = {
                "rtt_us": peer.rtt_us,
                "mtu": peer.mtu,
                "mss": peer.mss,
                "payload": peer.payload,
                "acked": peer.acked,
                "closed": {str(port): found for port, found in verdicts.items() if found[0] != "ok"},
            }
        return {"taken": {str(port): why for port, why in self._listening.taken.items()}, "peers": said}


def main() -> None:
    json.dump(Part(json.loads(os.environ["NETWORK_PROOF"])).play(), sys.stdout)
