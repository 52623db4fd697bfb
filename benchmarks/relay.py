"""What many hosts cost where the controller's line is the narrow place: one large file to each of them.

Makes a lab of namespaces, limits what this machine sends into it (a token bucket on the bridge: what hosts send each
other does not pass it), and has the file sent with `transfer: {relay: auto}`, without, by scp in a loop, and by rsync
where there is one. After each the file is hashed on every host. Needs root, iproute2 with tbf, and sshd; touches
nothing else.

    python -m benchmarks.relay                         2, 4 and 8 hosts at 100 Mbit/s: about a quarter of an hour
    python -m benchmarks.relay --no-loops --assert     exit code 1 above 1.2 times one copy: three minutes
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ending import signals_unwind
from benchmarks.measuring import Failed

#: Times one copy, with as many hosts as are asked for.
MOST = 1.2

PROVISION = [sys.executable, "-m", "provision"]

PLAYBOOK = """\
from dataclasses import dataclass
from pathlib import Path
from provision import Cluster, Playbook, Resource, Script, State
from provision.core.script import Upload

@dataclass(frozen=True)
class Sent(Resource):
    @property
    def id(self):
        return "sent"
    def want(self):
        return {{"there": "yes"}}
    def probe(self):
        return Script("[ ! -f ~/sent/{name} ] || echo there=yes")
    def fix(self, have, want):
        return Script("", uploads=(Upload(Path({source!r}), "~/sent"),))

def playbook(cluster: Cluster) -> Playbook:
    book = Playbook()
    for node in cluster.nodes:
        book.add(Sent(), on=node.name)
    return book
"""


@dataclass
class Rack:
    """A lab, and the file that is sent to its hosts."""

    lab: dict[str, Any]
    folder: Path
    source: Path

    @property
    def hosts(self) -> dict[str, Any]:
        return dict(self.lab["hosts"])

    @property
    def ssh(self) -> list[str]:
        ssh = self.lab["ssh"]
        options = (f"UserKnownHostsFile={ssh['known_hosts']}", "BatchMode=yes", "ControlPath=none")
        return ["-q", "-i", ssh["key"], *(word for option in options for word in ("-o", option))]

    def address(self, number: int) -> str:
        return f"{self.lab['ssh']['user']}@{list(self.hosts.values())[number]['address']}"

    def provision(self, count: int, relay: str) -> None:
        inventory = self.folder / f"{count}-{relay}.yaml"
        hosts = dict(list(self.hosts.items())[:count])
        inventory.write_text(
            json.dumps({"cluster": "bench", "ssh": self.lab["ssh"], "hosts": hosts, "transfer": {"relay": relay}})
        )
        playbook = self.folder / "sent.py"
        playbook.write_text(PLAYBOOK.format(name=self.source.name, source=str(self.source)))
        done = _run([*PROVISION, "up", inventory, "--playbook", playbook], self.folder)
        if relay == "auto" and "sent from here" in done:
            raise Failed(f"not from host to host:\n{done}")

    def scp(self, count: int) -> None:
        for number in range(count):
            _run(["scp", *self.ssh, self.source, f"{self.address(number)}:sent/"], self.folder)

    def rsync(self, count: int) -> None:
        shell = " ".join(["ssh", *self.ssh])
        for number in range(count):
            _run(["rsync", "-e", shell, self.source, f"{self.address(number)}:sent/"], self.folder)

    def time(self, way: Callable[[], None], count: int) -> float:
        for number in range(count):
            self._on(number, "rm -rf sent; mkdir -m 700 sent")
        began = time.monotonic()
        way()
        took = time.monotonic() - began
        expected = hashlib.sha256(self.source.read_bytes()).hexdigest()
        for number in range(count):
            if self._on(number, f"sha256sum < sent/{self.source.name}").split()[0] != expected:
                raise Failed(f"{self.address(number)} has something else")
        return took

    def _on(self, number: int, command: str) -> str:
        return _run(["ssh", *self.ssh, self.address(number), command], self.folder)


def main() -> int:
    asked = _arguments()
    if os.geteuid() != 0:
        sys.exit("error: only root can limit what passes a bridge")
    missed = []
    try:
        with (
            signals_unwind(),
            tempfile.TemporaryDirectory(prefix="provision-relay-") as folder,
            _rack(Path(folder), asked) as rack,
        ):
            rack.provision(1, "never")  # what is made once: the lock, the programs' bytecode
            one = rack.time(lambda: rack.provision(1, "never"), 1)
            print(f"one copy: {one:.1f} s by provision, {rack.time(lambda: rack.scp(1), 1):.1f} s by scp", flush=True)
            for count in asked.hosts:
                found = _measure(rack, count, loops=not asked.no_loops)
                line = "   ".join(f"{name} {took:.1f} s ({took / one:.2f})" for name, took in found.items())
                print(f"{count} hosts, and times one copy:   {line}", flush=True)
                if found["relay"] > MOST * one:
                    missed.append(f"{found['relay'] / one:.2f} times one copy for {count} hosts, promised is {MOST}")
    except Failed as error:
        sys.exit(f"error: {error}")
    for line in missed if asked.promise else ():
        print(f"broken promise: {line}", file=sys.stderr)
    return 1 if asked.promise and missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, nargs="+", default=[2, 4, 8], metavar="N", help="default: 2 4 8")
    parser.add_argument("--rate", default="100mbit", help="as `tc` takes it (default: 100mbit)")
    parser.add_argument("--size", type=int, default=256, metavar="MIB", help="of the file, 64 at least (default: 256)")
    parser.add_argument("--no-loops", action="store_true", help="leave out what sends it to one host after the other")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"fail above {MOST} times one copy")
    return parser.parse_args()


def _measure(rack: Rack, count: int, *, loops: bool) -> dict[str, float]:
    ways: dict[str, Callable[[], None]] = {"relay": lambda: rack.provision(count, "auto")}
    if loops:
        ways |= {"to each": lambda: rack.provision(count, "never"), "scp": lambda: rack.scp(count)}
    if loops and shutil.which("rsync"):
        ways["rsync"] = lambda: rack.rsync(count)
    return {name: rack.time(way, count) for name, way in ways.items()}


@contextlib.contextmanager
def _rack(folder: Path, asked: argparse.Namespace) -> Iterator[Rack]:
    import yaml

    name = f"bench-{os.getpid()}"
    try:
        said = _run(
            [*PROVISION, "lab", "up", "--hosts", max(asked.hosts), "--gpus", 0, "--name", name, "-q", "--json"], folder
        )
        made = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        lab = yaml.safe_load(Path(next(event["inventory"] for event in made if "inventory" in event)).read_text())
        address = next(iter(lab["hosts"].values()))["address"]
        (route,) = json.loads(_run(["ip", "-json", "route", "get", address], folder))
        limit = ["tbf", "rate", asked.rate, "burst", "256kb", "latency", "100ms"]
        _run(["tc", "qdisc", "add", "dev", route["dev"], "root", *limit], folder)
        source = folder / "large.whl"
        with source.open("wb") as file:
            for _ in range(asked.size):
                file.write(os.urandom(1 << 20))
        yield Rack(lab, folder, source)
    finally:
        _run([*PROVISION, "lab", "down", "--name", name], folder)


def _run(argv: Sequence[object], folder: Path) -> str:
    words = [str(word) for word in argv]
    env = {**os.environ, "PROVISION_STATE_DIR": str(folder / "state")}
    done = subprocess.run(words, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words[:4])}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
