"""Random faults and repairs in a row: what one of them leaves must be in the way of no other."""

from __future__ import annotations

import random
from collections.abc import Sequence

from faults.fault import Fault
from faults.meeting import met
from faults.rack import Rack


def soak(rack: Rack, faults: Sequence[Fault], count: int, seed: int) -> list[str]:
    """`count` of the faults, one after another, as `seed` has it; what came of each is printed. The names of those that
    were not as they should be."""
    chance, bad = random.Random(seed), []
    for number in range(1, count + 1):
        fault = chance.choice(faults)
        # Now and then a second look, with nothing injected: in sync, and nothing to change.
        why = _met(rack, fault)
        why += _in_sync(rack) if chance.random() < 0.2 else []
        print(f"{number:>3}  {'ok ' if not why else 'BAD'}  {fault.name}", flush=True)
        for line in why:
            print(f"          {line}", flush=True)
        if why:
            bad.append(fault.name)
            rack.healthy()
    return bad


def _met(rack: Rack, fault: Fault) -> list[str]:
    try:
        return met(rack, fault)
    except AssertionError as error:
        return [f"{error}"]


def _in_sync(rack: Rack) -> list[str]:
    code = rack.provision("check")
    return [f"`check` ended with {code}: {rack.said}"] if code else []
