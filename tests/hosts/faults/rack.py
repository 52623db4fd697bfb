"""A small lab that serves a stand-in model, and the folder of its controller. Shared by all faults: each is undone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from standin_stack import PACKAGES, write_wheels

from provision.lab.control import HostControl
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

PROVISION = Path(sys.executable).with_name("provision")
HOSTS = ("lab-1", "lab-2", "lab-3")
ROOT = "/home/ops/.provision"
MODEL = "/home/ops/models/tiny"
#: What runs on each host when all is well.
SERVICES = {"lab-1": {"ray", "vllm"}, "lab-2": {"ray"}, "lab-3": {"ray"}}
#: Somebody else's, on every host: none of it may ever change.
FOREIGN = "/home/ops/models/of-somebody-else"

# Marks of what runs, one process a line.
_MARKS = (
    r"""for e in /proc/[0-9]*/environ; do tr '\0' '\n' < $e 2>/dev/null | sed -n 's/^PROVISION_SERVICE=//p'; done"""
)


class Rack:
    """`folder`: the controller's. Commands run there, as a person types them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        folder.mkdir(mode=0o700)
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.inventory = folder / "inventory.yaml"
        self.settings: dict[str, Any] = yaml.safe_load(lab.inventory.read_text())
        self.settings["ssh"] |= {"connect_timeout": 2}
        self.settings |= {
            "cluster": "faults",
            "python": {
                "version": "3.11",
                "packages": PACKAGES,
                "find_links": [str(folder / "wheels")],
                "wheels": "controller",
                "compile": False,
            },
            "serve": {
                "model": MODEL,
                "weights": {"source": "controller", "path": str(folder / "model")},
                "ready_timeout": 20,
            },
        }
        self.write(self.settings)
        self._undo: list[Callable[[], object]] = []
        self.env: dict[str, str] = {}
        self.said = self.kept = ""
        self.planted: dict[str, int] = {}

    def __getitem__(self, name: str) -> HostControl:
        return self.lab.host(name)

    def write(self, settings: Mapping[str, object]) -> None:
        self.inventory.write_text(yaml.safe_dump(dict(settings), sort_keys=False))

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Another inventory, for as long as the fault lasts."""
        settings = json.loads(json.dumps(self.settings))
        change(settings)
        self.write(settings)
        self.later(lambda: self.write(self.settings))

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PROVISION_", "VLLM_"))}
        own = {"PROVISION_STATE_DIR": str(self.state), "XDG_CACHE_HOME": str(self.folder / "cache"), "COLUMNS": "200"}
        return {**kept, **own, "HOME": str(self.folder), "NO_COLOR": "1", **self.env}

    def command(self, line: str) -> list[str]:
        """`up`, with the inventory: the stand-in for vLLM brings no torch, so the all-reduce is left out."""
        words = shlex.split(line)
        skip = ["--skip", "all-reduce"] if words[0] == "up" else []
        return [str(PROVISION), *words, *skip, *([] if "inventory.yaml" in words else ["inventory.yaml"])]

    def provision(self, line: str) -> int:
        """The exit code; `said` is all that it wrote."""
        done = subprocess.run(
            self.command(line), cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        self.said = f"{done.stdout}\n{done.stderr}"
        return done.returncode

    def begun(self, line: str, until: str, then: Callable[[subprocess.Popen[str]], object]) -> int:
        """Begins a command, does `then` to it once it has said `until` (a pattern), and gives its exit code."""
        with subprocess.Popen(
            self.command(line), cwd=self.folder, env=self.environment(), text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            self.said = ""
            for text in process.stdout:
                self.said += text
                if until and re.search(until, text):
                    until = ""
                    then(process)
        assert not until, f"it never said `{until}`:\n{self.said}"
        return process.returncode

    def keep(self) -> None:
        """What the last command said, while another one goes on."""
        self.kept, self.said = self.said, ""

    def sh(self, host: str, script: str) -> str:
        """As root on the host, whatever SSH does."""
        done = self[host].exec(["sh", "-c", script])
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def swap(self, host: str, path: str, text: str) -> None:
        """Another text in a file of the host; put back later."""
        before = self.sh(host, f"cat {path}")
        self.sh(host, f"cat > {path} <<'EOF'\n{text}\nEOF")
        self.later(lambda: self.sh(host, f"cat > {path} <<'EOF'\n{before}EOF"))

    def later(self, undo: Callable[[], object]) -> None:
        """What repairs the fault."""
        self._undo.append(undo)

    def repair(self) -> None:
        while self._undo:
            self._undo.pop()()
        self.env = {}

    def kill(self, host: str, service: str, signal: str = "KILL") -> None:
        """All of a service, at once."""
        mark = f"PROVISION_SERVICE=faults/{host}/{service}"
        each = f'$(grep -lsz "^{mark}$" /proc/[0-9]*/environ | cut -d/ -f3)'
        self.sh(host, f"for p in {each}; do kill -{signal} $p; done")
        until(lambda: signal != "KILL" or service not in self.services(host))

    def services(self, host: str) -> set[str]:
        """What of ours runs there, by its mark."""
        marks = self.sh(host, _MARKS).split()
        return {mark.rpartition("/")[2] for mark in marks if mark.startswith("faults/")}

    def running(self) -> dict[str, str]:
        """Host → the processes of ours there, by pid, where it is on."""
        look = "grep -lsz '^PROVISION_SERVICE=faults/' /proc/[0-9]*/environ | sort"
        return {host: self[host].exec(["sh", "-c", look]).stdout for host in HOSTS if self[host].pid}

    def invariants(self) -> None:
        """Nothing of ours runs that should not, nothing foreign was touched, nothing half-done lies about."""
        for host in HOSTS:
            if self[host].pid:
                assert self.services(host) <= SERVICES[host], f"orphans on {host}: {self.services(host)}"
                assert self.sh(host, f"cat {FOREIGN}/notes") == f"of {host}\n"
                assert self.planted.get(host) != self[host].pid or self._strangers(host) == 1, "a stranger's process"
                left = self.sh(host, f"find {ROOT} /home/ops/models -name '.incoming*' -o -name '.gone-*' 2>/dev/null")
                assert not left, f"left on {host}: {left}"

    def _strangers(self, host: str) -> int:
        return int(self.sh(host, "pgrep -f '^sleep 86399' | wc -l"))

    def plant(self) -> None:
        """A process of somebody else's, on each host that has none since it was started."""
        for host in HOSTS:
            if self[host].pid and not self._strangers(host):
                self.sh(host, "setsid runuser -u ops -- sleep 86399 >/dev/null 2>&1 </dev/null &")
                until(lambda host=host: self._strangers(host) == 1)
            self.planted[host] = self[host].pid

    def healthy(self) -> None:
        """Serving, in sync. Takes as many steps as it needs: what a fault before may have left."""
        self.repair()
        for host in HOSTS:
            self[host].start()
        if self.provision("check") != 0:
            assert self.provision("up") == 0, self.said

    def settle(self) -> None:
        """The first time: what is foreign is put there, and the model served."""
        for host in HOSTS:
            self.sh(host, f"mkdir -p {FOREIGN}; echo of {host} > {FOREIGN}/notes; chown -R ops: /home/ops/models")
        assert self.provision("up") == 0, self.said

    def close(self) -> None:
        self.repair()
        self.lab.down()
        shutil.rmtree(self.folder, ignore_errors=True)


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def words(text: str) -> str:
    """Without line breaks: lines are wrapped."""
    return re.sub(r"\s+", " ", text)
