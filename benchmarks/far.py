"""What a command that changes nothing costs over a far network, in waits for a host and in seconds.

Hosts on loopback addresses as in the other benchmarks, each behind a tunnel that holds back whatever passes: for 10 and
100 ms a round trip. Beside it, one `ssh HOST true` through the same tunnel. How often a host was waited for is counted,
and stays the same on a busy machine; seconds do not.

    python -m benchmarks.far                       4 hosts: a minute
    python -m benchmarks.far --hosts 20 --assert   exit code 1 if a host is waited for more often than is promised
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.ending import signals_unwind
from benchmarks.measuring import Failed, command
from benchmarks.rack import Rack
from benchmarks.tunnel import Tunnel

#: Waits for a host, in `check` and in an `up` that changes nothing: a login, and two batches of four.
MOST = 14

#: Seconds, there and back.
ROUND_TRIPS = (0.01, 0.1)

PROVISION = [sys.executable, "-m", "provision"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.far", description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=4, metavar="N", help="default: 4")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"exit code 1 above {MOST} waits")
    asked = parser.parse_args()
    most = 0
    with (
        signals_unwind(),
        tempfile.TemporaryDirectory(prefix="provision-far-") as folder,
        Rack(Path(folder) / "r", asked.hosts) as rack,
    ):
        env = {**os.environ, "PROVISION_STATE_DIR": str(rack.folder / "state")}
        try:
            provision(["up"], rack.inventory, rack.folder, env)
            for delay in ROUND_TRIPS:
                with tunnels(rack, delay) as (inventory, ways):
                    most = max(most, measured(rack, inventory, ways, delay, env))
        finally:
            provision(["down", "--purge"], rack.inventory, rack.folder, env)
    if asked.promise and most > MOST:
        print(f"broken promise: a host was waited for {most} times, promised are {MOST}", file=sys.stderr)
        return 1
    return 0


def measured(rack: Rack, inventory: Path, ways: Sequence[Tunnel], delay: float, env: dict[str, str]) -> int:
    """Prints a line for each command; the most waits for one host."""
    print(f"\nround trip {delay * 1000:g} ms, {len(ways)} hosts{'waits for a host':>24}   connections   seconds")
    most = 0
    for words in (["check"], ["up"]):
        for way in ways:
            way.connections.clear()
        began = time.monotonic()
        provision(words, inventory, rack.folder, env)
        seconds = time.monotonic() - began
        waits, opened = max(way.turns for way in ways), max(len(way.connections) for way in ways)
        most = max(most, waits)
        print(f"  provision {words[0]:<24} {waits:>16} {opened:>13} {seconds:>9.2f}", flush=True)
    ways[0].connections.clear()
    began = time.monotonic()
    login(rack, ways[0])
    print(f"  {'ssh HOST true':<34} {ways[0].turns:>16} {1:>13} {time.monotonic() - began:>9.2f}", flush=True)
    return most


@contextlib.contextmanager
def tunnels(rack: Rack, delay: float) -> Iterator[tuple[Path, list[Tunnel]]]:
    """An inventory in which each host is reached through a tunnel of its own."""
    with contextlib.ExitStack() as stack:
        ways = [stack.enter_context(Tunnel((one, rack.port), one, delay / 2)) for one in rack.addresses]
        key = " ".join((rack.folder / "host_key.pub").read_text().split()[:2])
        with (rack.folder / "known_hosts").open("a") as file:
            file.writelines(f"[{way.address}]:{way.port} {key}\n" for way in ways)
        text = rack.inventory.read_text()
        for way in ways:
            text = text.replace(f"{{address: {way.address}", f"{{ssh: {{port: {way.port}}}, address: {way.address}", 1)
        inventory = rack.inventory.with_name("far.yaml")
        inventory.write_text(text)
        inventory.with_suffix(".lock").write_bytes(rack.inventory.with_suffix(".lock").read_bytes())
        yield inventory, ways


def provision(words: Sequence[str], inventory: Path, folder: Path, env: dict[str, str]) -> None:
    try:
        command([*PROVISION, words[0], inventory, *words[1:]], cwd=folder, env=env)
    except Failed as error:
        sys.exit(f"error: {error}")


def login(rack: Rack, way: Tunnel) -> None:
    options = ("BatchMode=yes", "IdentitiesOnly=yes", "LogLevel=ERROR", f"UserKnownHostsFile={rack.folder}/known_hosts")
    words = ["ssh", "-F", "/dev/null", *(word for option in options for word in ("-o", option))]
    subprocess.run([*words, "-i", rack.folder / "key", "-p", str(way.port), way.address, "true"], check=True)


if __name__ == "__main__":
    sys.exit(main())
