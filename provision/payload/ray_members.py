"""Who has joined Ray: asked on the head until all have, or SECONDS_LEFT have passed. Then it says who is missing.

Run by the environment's Python, which has Ray; by RAY_ADDRESS and a token it finds the head of this cluster.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

#: DRAIN_NODE_REASON_PREEMPTION (ray/protobuf/autoscaler.proto): accepted while something runs on the node.
PREEMPTION = 2

#: Seconds after which others are looked at again.
PATIENCE = 3.0

#: How it tells of a host that joined at another of its addresses.
ELSEWHERE = "joined at another address"


class Joined:
    """What Ray says, compared with what is expected. `expected`: node IP → (host name, GPUs); `others`: further
    addresses of the hosts → host name; `joined`: node IP → GPUs that Ray counts there."""

    def __init__(
        self, expected: Mapping[str, tuple[str, int]], others: Mapping[str, str], joined: Mapping[str, int]
    ) -> None:
        absent = {name: ip for ip, (name, _) in expected.items() if ip not in joined}
        found = {others[ip]: ip for ip in joined if ip not in expected and others.get(ip) in absent}
        self.elsewhere = [f"{name} (at {at}, not at {absent[name]})" for name, at in found.items()]
        self.missing = [f"{name} ({ip})" for name, ip in absent.items() if name not in found]
        self.short = [
            f"{name} ({joined[ip]} of {gpus} GPUs)"
            for ip, (name, gpus) in expected.items()
            if ip in joined and joined[ip] < gpus
        ]
        self.strangers = [ip for ip in joined if ip not in expected and ip not in found.values()]
        self.lacking: list[str] = []

    def without(self, drained: set[str]) -> Joined:
        """Those who have been asked to leave are no strangers: Ray starts nothing on them any more."""
        self.strangers = [ip for ip in self.strangers if ip not in drained]
        return self

    def with_resources(
        self, wanted: Mapping[str, tuple[str, tuple[str, ...]]], counted: Mapping[str, Mapping[str, float]]
    ) -> Joined:
        """`wanted`: node IP → (host name, custom resources); `counted`: node IP → what Ray counts there."""
        for ip, (name, resources) in wanted.items():
            absent = [each for each in resources if ip in counted and counted[ip].get(each, 0) < 1]
            self.lacking += [f"{name} ({', '.join(absent)})"] if absent else []
        return self

    def problems(self) -> dict[str, list[str]]:
        """Words → whom they are about. Empty: all are there, and nobody else."""
        found = {
            ELSEWHERE: self.elsewhere,
            "did not join Ray in time": self.missing,
            "joined with too few GPUs": self.short,
            "joined without resources": self.lacking,
            "joined, but are not in the inventory": self.strangers,
        }
        return {words: names for words, names in found.items() if names}


def main() -> None:
    import ray

    deadline = time.monotonic() + float(os.environ["SECONDS_LEFT"])
    expected = {}
    for line in os.environ["EXPECTED"].splitlines():
        ip, gpus, name = line.split(" ", 2)
        expected[ip] = (name, int(gpus))
    others = {}
    for line in os.environ["OTHERS"].splitlines():
        ip, name = line.split(" ", 1)
        others[ip] = name
    resources = {}
    for line in os.environ.get("RESOURCES", "").splitlines():
        ip, name, rest = line.split(" ", 2)
        resources[ip] = (name, tuple(rest.split(" ")))
    former = dict(line.split(" ", 1) for line in os.environ["FORMER"].splitlines())
    leaving: dict[str, Leaving] = {}
    ray.init(os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR", configure_logging=False)
    while True:
        alive = [node for node in ray.nodes() if node["Alive"]]
        joined = {node["NodeManagerAddress"]: int(node["Resources"].get("GPU", 0)) for node in alive}
        counted = {node["NodeManagerAddress"]: node["Resources"] for node in alive}
        told = Joined(expected, others, joined).with_resources(resources, counted)
        for node in alive:
            ip = node["NodeManagerAddress"]
            if ip in told.strangers and ip in former and ip not in leaving:
                _say(f"::note {former[ip]} ({ip}) is no longer in the inventory: Ray is told to start nothing there")
                leaving[ip] = Leaving(ray._raylet, node["NodeID"])
                leaving[ip].join(PATIENCE)
        drained = {ip for ip, thread in leaving.items() if thread.accepted}
        problems = told.without(drained).problems()
        if not problems:
            break
        if time.monotonic() > deadline:
            sys.exit("\n".join(f"{words}: {', '.join(names)}" for words, names in problems.items()))
        _say("::progress waiting for " + ", ".join(name for names in problems.values() for name in names))
        time.sleep(0.5)
    joined = {ip: gpus for ip, gpus in joined.items() if ip not in drained}
    there, wanted = sum(joined.values()), sum(count for _, count in expected.values())
    _say(f"::note Ray counts {len(joined)} of {len(expected)} nodes and {there} of {wanted} GPUs")
    for name, own in resources.values():
        _say(f"::note {name} joined as {', '.join(own)}")


class Leaving(threading.Thread):
    """Has a node leave once what runs there has ended, as `ray drain-node` does (ray/scripts/scripts.py, 2.60.0). Ray
    does not promise that there is such a thing: without it, the node is named as before. In a thread of its own: a node
    that does not answer any more is asked until Ray takes it for dead."""

    def __init__(self, raylet: Any, node_id: str) -> None:
        super().__init__(daemon=True)
        self._raylet, self._node_id = raylet, node_id
        self.accepted = False
        self.start()

    def run(self) -> None:
        try:
            client = self._raylet.GcsClient(address=os.environ["RAY_ADDRESS"])
            self.accepted, why = client.drain_node(self._node_id, PREEMPTION, "it is no longer in the inventory", 0)
        except Exception as error:
            why = repr(error)
        if not self.accepted:
            _say(f"::note Ray does not let a node go: {why}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
