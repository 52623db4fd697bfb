"""A hundred random faults and repairs in a row on a small lab, and what must hold after each: what was said is the
fault, the next `up` leads out, nothing of ours runs where it should not, nothing of anybody else's was touched.

    python -m benchmarks.soak                       100 faults of the registry, half an hour to an hour; needs root
    python -m benchmarks.soak --faults 10 --seed 7  the same ten again
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.ending import signals_unwind

#: The registry and its lab are the tests': what is injected here is what docs/faults.md says.
TESTS = Path(__file__).parents[1] / "tests"


def main() -> int:
    asked = _arguments()
    sys.path[:0] = [str(TESTS / "hosts"), str(TESTS)]
    # What a shell starts in the background ignores both, and so would the commands that are interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    from faults.rack import Rack
    from faults.registry import FAULTS
    from faults.soak import soak

    from provision.lab.lab import Lab

    print(f"seed {asked.seed}", flush=True)
    with (
        signals_unwind(),
        tempfile.TemporaryDirectory(prefix="provision-soak-") as folder,
        contextlib.ExitStack() as undo,
    ):
        lab = Lab(name=f"soak-{os.getpid()}")
        undo.callback(lab.down)
        lab.up(3, 1, init="sshd")
        began = time.monotonic()
        rack = Rack(lab, Path(folder) / "controller")
        undo.callback(rack.close)
        rack.settle()
        bad = soak(rack, FAULTS, asked.faults, asked.seed)
    minutes = (time.monotonic() - began) / 60
    print(
        f"seed {asked.seed}: {asked.faults} faults in {minutes:.0f} minutes, {len(bad)} of them not as they should be"
    )
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="default: random")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
