"""How long a fresh `provision up` in containers takes where the hosts have the image, to the first answer, against
`docker run` typed by hand.

Makes a lab of virtual hosts with real Docker, builds the demo's image of real Ray and real vLLM (CPU build, a tiny
model), and brings it up in turn: with benchmarks/docker_by_hand.sh (docker run, ray start, vllm serve, curl) and with
provision, which also judges, proves and watches. Needs root. Give it an otherwise idle machine.

    python -m benchmarks.contained              2 hosts, 2 rounds
    python -m benchmarks.contained --assert     exit code 1 if a fresh `up` takes more than 1.1 times as long
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.fresh import shown, timed_provision, timed_script, write_settings
from provision.lab.demo import make_lab, ready
from provision.lab.lab import Lab

#: Time of a fresh `up` ÷ time of the script.
MOST = 1.1

SCRIPT = Path(__file__).with_name("docker_by_hand.sh")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contained", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=2, help="default: 2")
    parser.add_argument("--rounds", type=int, default=2, help="default: 2")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"fail above {MOST} times")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: lab hosts with Docker need root")
    lab = Lab(name="bench-contained")
    lab.down()
    with tempfile.TemporaryDirectory(prefix="provision-contained-") as folder:
        try:
            make_lab(lab, ready(lab, rootless=False).ground, hosts=asked.hosts, gpus=1, kind="docker", say=print)
            ratio = _measure(lab, Path(folder), asked.hosts, asked.rounds)
        finally:
            lab.down()
    if asked.promise and ratio > MOST:
        print(f"broken promise: a fresh up takes {ratio:.2f} times as long as by hand, promised is {MOST}")
        return 1
    return 0


def _measure(lab: Lab, folder: Path, hosts: int, rounds: int) -> float:
    addresses = [lab.host(f"lab-{number}").address for number in range(1, hosts + 1)]
    _prepare(lab, folder, hosts)
    by_hand: list[float] = []
    fresh: list[float] = []

    def hand() -> None:
        seconds, phases = timed_script(SCRIPT, folder, addresses)
        by_hand.append(seconds)
        print(f"by hand: {seconds:.1f} s   {shown(phases)}", flush=True)

    def ours() -> None:
        seconds, phases = timed_provision(lab, folder, "up")
        fresh.append(seconds)
        print(f"provision up, fresh: {seconds:.1f} s   {shown(phases)}", flush=True)
        timed_provision(lab, folder, "down")

    for number in range(rounds):
        for way in (hand, ours) if number % 2 == 0 else (ours, hand):
            way()
    ratio = statistics.median(fresh) / statistics.median(by_hand)
    print(f"\na fresh up takes {ratio:.2f} times as long as `docker run` by hand (promised: {MOST})")
    return ratio


def _prepare(lab: Lab, folder: Path, hosts: int) -> None:
    """Every host gets the image, once, by provision; what the script needs is written down."""
    timed_provision(lab, folder, "up")
    timed_provision(lab, folder, "down")
    image = lab.host("lab-1").exec(["docker", "images", "--quiet", "--no-trunc"]).stdout.split()
    (folder / "image").write_text(image[0])
    write_settings(lab, folder, hosts)


if __name__ == "__main__":
    sys.exit(main())
