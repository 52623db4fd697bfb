"""A fresh `provision up` on lab hosts, in turn with a script that does the same by hand: what benchmarks.fresh and
benchmarks.contained have in common."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.ending import signals_unwind
from provision.lab.containers import Containers
from provision.lab.cpu_vllm import CPU_ENV
from provision.lab.demo import MODEL, make_lab, ready
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

#: What a script calls the part in which it tries what `up` proves.
PROOFS = "proofs"


@dataclass(frozen=True)
class Comparison:
    """`about`: the program's help. `most`: time of a fresh `up` ÷ time of the script, as promised; a script that proves
    something first, as `up` does, calls that part `proofs`. `words`: what the script does. `prepare`: puts what the
    script needs into a folder; the hosts are as a fresh `up` is to find them. `bare`: what `down` is told, to make them
    so again. `warm`: the script runs once before, which is not counted, since what it starts keeps a cache."""

    name: str
    about: str
    most: float
    script: Path
    words: str
    prepare: Callable[[Lab, Path], None]
    bare: tuple[str, ...] = ()
    kind: Containers = ""
    warm: bool = False
    #: Whether the script sends a model that lies in its folder (`--weights`).
    sends: bool = False

    def main(self) -> int:
        form = argparse.RawDescriptionHelpFormatter
        parser = argparse.ArgumentParser(
            prog=f"python -m benchmarks.{self.name}", description=self.about, formatter_class=form
        )
        parser.add_argument("--hosts", type=int, default=2, help="default: 2")
        parser.add_argument("--rounds", type=int, default=2, help="default: 2")
        parser.add_argument(
            "--assert", dest="promise", action="store_true", help=f"exit code 1 if it takes more than {self.most} times"
        )
        if self.sends:
            parser.add_argument(
                "--weights", type=int, default=0, metavar="MIB", help="the model is sent, with MIB more"
            )
            parser.add_argument("--rate", default="", help="of this machine's line to the hosts, such as 400mbit")
        asked = parser.parse_args()
        if os.geteuid() != 0:
            sys.exit("error: lab hosts that are as bare as real ones need root")
        lab = Lab(name=f"bench-{self.name}")
        lab.down()
        with signals_unwind(), tempfile.TemporaryDirectory(prefix=f"provision-{self.name}-") as folder:
            try:
                ground = ready(lab, rootless=False).ground
                make_lab(lab, ground, hosts=asked.hosts, gpus=1, kind=self.kind, say=print)
                if self.sends and asked.rate:
                    limit_line(lab.host("lab-1").address, asked.rate)
                if self.sends and asked.weights:
                    _write_weights(lab, Path(folder) / "model", asked.weights)
                ratio = self._measure(lab, Path(folder), asked.hosts, asked.rounds)
            finally:
                lab.down()
        if asked.promise and ratio > self.most:
            print(f"broken promise: a fresh up takes {ratio:.2f} times as long as by hand, promised is {self.most}")
            return 1
        return 0

    def _measure(self, lab: Lab, folder: Path, hosts: int, rounds: int) -> float:
        addresses = [lab.host(f"lab-{number}").address for number in range(1, hosts + 1)]
        self.prepare(lab, folder)
        _write_settings(lab, folder, hosts)
        if self.warm:
            _timed_script(self.script, folder, addresses)
        by_hand: list[float] = []
        unproved: list[float] = []
        fresh: list[float] = []

        def hand() -> None:
            seconds, phases = _timed_script(self.script, folder, addresses)
            by_hand.append(seconds)
            unproved.append(seconds - phases.get(PROOFS, 0.0))
            print(f"by hand: {seconds:.1f} s   {_shown(phases)}", flush=True)

        def ours() -> None:
            seconds, phases = timed_provision(lab, folder, "up")
            fresh.append(seconds)
            print(f"provision up, fresh: {seconds:.1f} s   {_shown(phases)}", flush=True)
            seconds, phases = timed_provision(lab, folder, "up")
            print(f"provision up, again: {seconds:.1f} s   {_shown(phases)}", flush=True)
            timed_provision(lab, folder, "down", *self.bare)

        # Each first in turn: whoever comes second finds more in the machine's page cache.
        for number in range(rounds):
            for way in (hand, ours) if number % 2 == 0 else (ours, hand):
                way()
        ratio = statistics.median(fresh) / statistics.median(by_hand)
        print("\n" + told(self.words, self.most, fresh, by_hand, unproved))
        return ratio


def told(words: str, most: float, fresh: list[float], by_hand: list[float], unproved: list[float]) -> str:
    """What came of it. `unproved`: the seconds of `by_hand` without those of its proofs."""
    ratio, bare = (statistics.median(fresh) / statistics.median(seconds) for seconds in (by_hand, unproved))
    if by_hand == unproved:
        return f"a fresh up takes {ratio:.2f} times as long as {words} by hand (promised: {most})"
    said = f"a fresh up takes {ratio:.2f} times as long as {words} by hand, proofs included (promised: {most})"
    return f"{said}, and {bare:.2f} times as long as without them"


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


def _timed_script(script: Path, folder: Path, addresses: list[str]) -> tuple[float, Mapping[str, float]]:
    began = time.monotonic()
    done = subprocess.run(["sh", script, "up", folder, *addresses], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    subprocess.run(["sh", script, "down", folder, *addresses], capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: the script ended with {done.returncode}\n{done.stderr[-3000:]}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return seconds, {name: float(last) - float(first) for name, first, last in lines}


def _write_settings(lab: Lab, folder: Path, hosts: int) -> None:
    """What a script is told of the hosts, and what Ray and vLLM are."""
    model = "/home/ops/by-hand/model" if (folder / "model").exists() else MODEL
    variables = {**CPU_ENV, "MODEL": model, "TP": "1", "PP": str(hosts)}
    (folder / "environment").write_text("".join(f"{name}='{value}'\n" for name, value in variables.items()))
    (folder / "ssh_config").write_text(
        f"Host *\n  User ops\n  IdentityFile {lab.directory}/key\n  UserKnownHostsFile {lab.directory}/known_hosts\n"
        "  StrictHostKeyChecking yes\n"
    )


def _write_weights(lab: Lab, model: Path, more: int) -> None:
    """A model that is to be sent, with `more` MiB that no server reads, and an inventory that says so."""
    write_tiny_model(model)
    with (model / "more.dat").open("wb") as file:
        for _ in range(more):
            file.write(os.urandom(1 << 20))
    inventory = yaml.safe_load(lab.inventory.read_text())
    inventory["serve"] |= {"model": "lab/tiny", "weights": {"path": str(model)}}
    lab.inventory.write_text(yaml.safe_dump(inventory, sort_keys=False))


def limit_line(address: str, rate: str) -> None:
    """Of what this machine sends to hosts behind the same device as `address`: what they send each other passes it by.
    It ends with the lab's bridge."""
    (route,) = json.loads(subprocess.check_output(["ip", "-json", "route", "get", address]))
    limit = ["tbf", "rate", rate, "burst", "256kb", "latency", "100ms"]
    subprocess.run(["tc", "qdisc", "add", "dev", route["dev"], "root", *limit], check=True)


def _shown(phases: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases.items() if seconds >= 0.1)
