"""How long a fresh `provision up` takes, from bare hosts to the first answer, against the same steps typed by hand.

Makes a lab of virtual hosts, and brings up real Ray and real vLLM (CPU build, a tiny model) on them in turn: with
benchmarks/by_hand.sh (scp, uv, ray start, vllm serve, curl) and with provision, which also judges, proves and watches.
Both start from hosts without an environment, and from wheels that this machine has. Needs root. Give it an otherwise
idle machine; takes some three minutes a round.

    python -m benchmarks.fresh                  2 hosts, 2 rounds
    python -m benchmarks.fresh --assert         exit code 1 if a fresh `up` takes more than 1.15 times as long
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import provision
from provision.environment.lockfile import read_lock
from provision.environment.uv import uv_binary
from provision.environment.wheels import fetch_wheels
from provision.lab.cpu_vllm import CPU_ENV
from provision.lab.demo import MODEL, make_lab, ready
from provision.lab.lab import Lab

#: Time of a fresh `up` ÷ time of the script.
MOST = 1.15

SCRIPT = Path(__file__).with_name("by_hand.sh")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fresh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=2, help="default: 2")
    parser.add_argument("--rounds", type=int, default=2, help="default: 2")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"fail above {MOST} times")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: lab hosts with an environment of their own need root")
    lab = Lab(name="bench-fresh")
    lab.down()
    with tempfile.TemporaryDirectory(prefix="provision-fresh-") as folder:
        try:
            make_lab(lab, ready(lab, rootless=False).ground, hosts=asked.hosts, gpus=1)
            ratio = _measure(lab, Path(folder), asked.hosts, asked.rounds)
        finally:
            lab.down()
    if asked.promise and ratio > MOST:
        print(f"broken promise: a fresh up takes {ratio:.2f} times as long as by hand, promised is {MOST}")
        return 1
    return 0


def _measure(lab: Lab, folder: Path, hosts: int, rounds: int) -> float:
    addresses = [lab.host(f"lab-{number}").address for number in range(1, hosts + 1)]
    timed_provision(lab, folder, "lock")
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
        seconds, phases = timed_provision(lab, folder, "up")
        print(f"provision up, again: {seconds:.1f} s   {shown(phases)}", flush=True)
        timed_provision(lab, folder, "down", "--purge")

    # Each first in turn: whoever comes second finds more in the machine's page cache.
    for number in range(rounds):
        for way in (hand, ours) if number % 2 == 0 else (ours, hand):
            way()
    ratio = statistics.median(fresh) / statistics.median(by_hand)
    print(f"\na fresh up takes {ratio:.2f} times as long as the same steps by hand (promised: {MOST})")
    return ratio


def timed_provision(lab: Lab, folder: Path, command: str, *more: str) -> tuple[float, Mapping[str, float]]:
    """Wall seconds, and those of each phase."""
    began = time.monotonic()
    done = subprocess.run(
        [Path(sys.executable).with_name("provision"), command, lab.inventory, "--json", *more],
        env={**os.environ, "PROVISION_STATE_DIR": str(folder / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        findings = json.loads(done.stdout.splitlines()[-1]).get("report", {}).get("findings", ())
        told = [f"{finding['host']}: {finding['message']}" for finding in findings]
        sys.exit("\n".join([f"error: provision {command} ended with {done.returncode}", done.stderr[-3000:], *told]))
    last = json.loads(done.stdout.splitlines()[-1])
    return seconds, {p["name"]: p["seconds"] for p in last.get("report", {}).get("phases", ())}


def timed_script(script: Path, folder: Path, addresses: list[str]) -> tuple[float, Mapping[str, float]]:
    began = time.monotonic()
    done = subprocess.run(["sh", script, "up", folder, *addresses], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    subprocess.run(["sh", script, "down", folder, *addresses], capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: the script ended with {done.returncode}\n{done.stderr[-3000:]}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return seconds, {name: float(last) - float(first) for name, first, last in lines}


def _prepare(lab: Lab, folder: Path, hosts: int) -> None:
    """What the script needs, and a person would have lying about."""
    inventory = provision.load(lab.inventory)
    lock = read_lock(inventory.lock_path, inventory.python, base=inventory.path.parent)
    wheels = fetch_wheels(lock, inventory.python, None, base=inventory.path.parent)
    (folder / "wheels").mkdir()
    for wheel in wheels.values():
        shutil.copy2(wheel, folder / "wheels")
    shutil.copy2(uv_binary(inventory.python, None, base=inventory.path.parent), folder / "uv")
    (folder / "requirements.txt").write_text(lock.requirements)
    write_settings(lab, folder, hosts)


def write_settings(lab: Lab, folder: Path, hosts: int) -> None:
    """What a script is told of the hosts, and what Ray and vLLM are."""
    variables = {**CPU_ENV, "MODEL": MODEL, "TP": "1", "PP": str(hosts)}
    (folder / "environment").write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    (folder / "ssh_config").write_text(
        f"Host *\n  User ops\n  IdentityFile {lab.directory}/key\n  UserKnownHostsFile {lab.directory}/known_hosts\n"
        "  StrictHostKeyChecking yes\n"
    )


def shown(phases: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases.items() if seconds >= 0.1)


if __name__ == "__main__":
    sys.exit(main())
