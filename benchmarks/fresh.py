"""How long a fresh `provision up` takes, from bare hosts to the first answer, against the same steps typed by hand.

Makes a lab of virtual hosts, and brings up real Ray and real vLLM (CPU build, a tiny model) on them in turn: with
benchmarks/by_hand.sh (scp, uv, ray start, vllm serve, curl) and with provision, which also judges, proves and watches.
Both start from hosts without an environment, and from wheels that this machine has. Needs root. Give it an otherwise
idle machine; takes some three minutes a round.

    python -m benchmarks.fresh                  2 hosts, 2 rounds
    python -m benchmarks.fresh --assert         exit code 1 if a fresh `up` takes more than 1.15 times as long
    python -m benchmarks.fresh --weights 1024 --rate 400mbit      the model is sent as well, over a limited line
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import provision
from benchmarks.by_hand import Comparison, timed_provision
from provision.environment.lockfile import read_lock
from provision.environment.uv import uv_binary
from provision.environment.wheels import fetch_wheels
from provision.lab.lab import Lab


def _prepare(lab: Lab, folder: Path) -> None:
    """What a person would have lying about."""
    timed_provision(lab, folder, "lock")
    inventory = provision.load(lab.inventory)
    lock = read_lock(inventory.lock_path, inventory.python, base=inventory.path.parent)
    wheels = fetch_wheels(lock, inventory.python, None, base=inventory.path.parent)
    (folder / "wheels").mkdir()
    for wheel in wheels.values():
        shutil.copy2(wheel, folder / "wheels")
    shutil.copy2(uv_binary(inventory.python, None, base=inventory.path.parent), folder / "uv")
    (folder / "requirements.txt").write_text(lock.requirements)


FRESH = Comparison(
    name="fresh",
    about=__doc__,
    most=1.15,
    script=Path(__file__).with_name("by_hand.sh"),
    words="the same steps",
    prepare=_prepare,
    bare=("--purge",),
    sends=True,
)

if __name__ == "__main__":
    sys.exit(FRESH.main())
