"""A lab and its inventory in the hands of a test: the command line from outside, testinfra and ps as witnesses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import testinfra
from testinfra.host import Host as Witness

from provision.lab.control import HostControl
from provision.lab.lab import Lab

PROVISION = Path(sys.executable).with_name("provision")
LIGHT_RAY = {"num-cpus": 1, "object-store-memory": 100_000_000}


@dataclass(frozen=True)
class Result:
    """One run of the command line with --json. `report` is empty if it ended before there was one."""

    code: int
    events: list[dict[str, Any]]
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        found = [e["report"] for e in self.events if "report" in e]
        return found[-1] if found else {}

    def status(self, host: str) -> str:
        return str(next(h["status"] for h in self.report["hosts"] if h["name"] == host))

    @property
    def changes(self) -> list[tuple[str, str]]:
        """(host, label) of all changes made."""
        return [(e["host"], e["label"]) for e in self.events if e["event"] == "step-done"]

    @property
    def text(self) -> str:
        return json.dumps(self.events) + self.stderr


class Cluster:
    """A lab and its inventory, in the hands of a test. `edit` changes the inventory as a person would."""

    def __init__(self, lab: Lab, state: Path) -> None:
        self.lab = lab
        self.inventory = lab.inventory
        self.environment = {**os.environ, "PROVISION_STATE_DIR": str(state)}
        self.state = state
        self._written = self.inventory.read_text()

    def provision(self, *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 800) -> Result:
        command, *rest = arguments
        done = subprocess.run(
            [PROVISION, command, str(self.inventory), "--json", *rest],
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr)

    def interrupted(self, *arguments: str, when: Callable[[str], bool], sign: int = signal.SIGINT) -> int:
        """Runs the command line and signals it at the first line for which `when` holds; its exit code."""
        command, *rest = arguments
        run = subprocess.Popen(
            [PROVISION, command, str(self.inventory), "--json", *rest],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # A suite that runs in the background inherits an ignored SIGINT, which would hold for the run as well.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert run.stdout is not None
        for line in run.stdout:
            if when(line):
                run.send_signal(sign)
                break
        for _ in run.stdout:
            pass
        return run.wait(60)

    def edit(self, *changes: tuple[str, str]) -> None:
        """Replaces text in the inventory as the lab wrote it; without changes, restores it."""
        text = self._written
        for old, new in changes:
            assert old in text, f"`{old}` is not in the inventory"
            text = text.replace(old, new)
        self.inventory.write_text(text)

    def host(self, name: str) -> HostControl:
        return self.lab.host(name)

    def witness(self, name: str) -> Witness:
        """testinfra, over the system's own ssh: it shares no code with us."""
        directory = self.lab.directory
        config = directory / "witness_config"
        config.write_text(f"Host *\n  UserKnownHostsFile {directory}/known_hosts\n  StrictHostKeyChecking yes\n")
        return testinfra.get_host(
            f"ssh://ops@{self.host(name).address}", ssh_config=str(config), ssh_identity_file=str(directory / "key")
        )

    def install(self, name: str, requirement: str) -> None:
        """What a colleague does by hand: `pip install` of another version, into one host's environment."""
        fetched = self.state / "by-hand"
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", fetched, requirement], check=True
        )
        (wheel,) = fetched.glob(f"{requirement.partition('=')[0]}-*.whl")
        directory, address = self.lab.directory, self.host(name).address
        options = ["-q", "-i", directory / "key", "-o", f"UserKnownHostsFile={directory}/known_hosts"]
        subprocess.run(["scp", *options, wheel, f"ops@{address}:"], check=True)
        done = self.witness(name).run(
            f"set -- ~/.provision/bin/uv*; $1 pip install --offline --no-deps "
            f"--python ~/.provision/envs/current-{self.lab.name}/bin/python ~/{wheel.name}"
        )
        assert done.rc == 0, done.stderr

    def processes(self, name: str, pattern: str) -> list[str]:
        """Command lines on the host that match. Zombies have none."""
        listing = self.host(name).exec(["ps", "-eo", "pid=,args="]).stdout
        return [line.strip() for line in listing.splitlines() if re.search(pattern, line) and "<defunct>" not in line]

    def eventually(self, holds: Callable[[], bool], seconds: float = 20) -> bool:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True


def written(cluster: Cluster, host: str) -> dict[str, str]:
    """Path → time of the last change, for all that provision keeps on the host; Ray writes its own logs elsewhere. The
    folder itself is left out: the lease of a run is in there for as long as it is at work."""
    find = 'find "$0"/.provision -mindepth 1 -printf "%p %T@ %C@\\n"'
    listing = cluster.host(host).exec(["sh", "-c", find, "/home/ops"]).stdout
    lines = [line.split(" ", 1) for line in listing.splitlines()]
    return {path: when for path, when in lines if not path.endswith("/log")}
