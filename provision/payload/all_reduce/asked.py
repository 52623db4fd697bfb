"""What a host is asked to do in the timed all-reduce, and what all of its processes know."""

from __future__ import annotations

import hashlib
import hmac
import sys
import time
from collections.abc import Mapping
from typing import Any

KIB, MIB = 2**10, 2**20
#: The number and name of what the ranks of a host do first.
LOADING = (0, "loading torch")
LEAD = "*lead*"


class Asked:
    """`me`: this host; `address`: of all hosts by name, the first of whom leads. Seconds: `come`, to begin; `load`, to
    load torch; `measure`. `company`: pids of what else is under way on this host."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.began = time.monotonic()
        self.me: str = values["host"]
        self._key: str = values["key"]
        self.address: dict[str, str] = {host["name"]: host["ip"] for host in values["hosts"]}
        self.names = list(self.address)
        self.meet: tuple[str, int] = (self.address[self.names[0]], values["port"])
        self.come: float = values["come"]
        self.load: float = values["load"]
        self.measure: float = values["measure"]
        self.company: list[int] = values.get("company", [])

    def tag(self, who: str) -> str:
        """What `who` shows to be known as one of this proof: another for each, so that what a stranger hears of one is
        of no use to play another. `who`: a host, or LEAD, as no host is called."""
        return hmac.new(self._key.encode(), who.encode(), hashlib.sha256).hexdigest()

    def since_began(self) -> float:
        return time.monotonic() - self.began


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    say(f"::progress {text}")
