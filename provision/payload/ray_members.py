"""Who has joined Ray: asked on the head until all have, or SECONDS_LEFT have passed. Then it says who is missing.

Run by the environment's Python, which has Ray; by RAY_ADDRESS and a token it finds the head of this cluster.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping

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

    def problems(self) -> dict[str, list[str]]:
        """Words → whom they are about. Empty: all are there, and nobody else."""
        found = {
            ELSEWHERE: self.elsewhere,
            "did not join Ray in time": self.missing,
            "joined with too few GPUs": self.short,
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
    ray.init(os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR", configure_logging=False)
    while True:
        alive = [node for node in ray.nodes() if node["Alive"]]
        joined = {node["NodeManagerAddress"]: int(node["Resources"].get("GPU", 0)) for node in alive}
        problems = Joined(expected, others, joined).problems()
        if not problems:
            break
        if time.monotonic() > deadline:
            sys.exit("\n".join(f"{words}: {', '.join(names)}" for words, names in problems.items()))
        _say("::progress waiting for " + ", ".join(name for names in problems.values() for name in names))
        time.sleep(0.5)
    counted, wanted = sum(joined.values()), sum(gpus for _, gpus in expected.values())
    _say(f"::note Ray counts {len(joined)} of {len(expected)} nodes and {counted} of {wanted} GPUs")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
