"""What another tool is asked, in either form, and whether its answer is right."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Failed, Way, command
from benchmarks.rack import Rack

#: Fits provision and the bound: what listens, which Rays and vLLMs run, and whether the service still does.
LISTENING = "grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6"
PROGRAMS = "grep -las -e '[r]aylet/raylet' -e 'gcs/[g]cs_server' -e 'bin/[v]llm' /proc/[0-9]*/cmdline || true"
RUNNING = "pid=$(sed -n s/^pid=//p {own}/ray/stamp) && cat /proc/$pid/stat"

#: What a host of a cluster has from its distribution, as its programs are called on Debian.
PACKAGES = ("coreutils", "grep", "sed", "tar", "util-linux")


@dataclass(frozen=True)
class Peer:
    """A program that is asked of all hosts, or, with the words of `only`, of one. `right`: of what it printed and a
    host, whether it found nothing to change there."""

    name: str
    argv: Sequence[str | Path]
    cwd: Path
    env: Mapping[str, str]
    only: Callable[[str], Sequence[str]]
    right: Callable[[str, str], bool]

    def way(self, rack: Rack) -> Way:
        """Raises Failed where it takes a host on which Ray does not run for one that is as it should be."""
        last = rack.count - 1
        with _without_ray(rack.own(last)):
            if not self._finds_a_fault(rack.name(last)):
                raise Failed(f"{self.name} did not notice that Ray does not run on {rack.name(last)}")

        def once() -> float:
            seconds = command(self.argv, cwd=self.cwd, env=self.env)
            said = (self.cwd / "output").read_text(errors="replace")
            names = [rack.name(number) for number in range(rack.count)]
            if wrong := [name for name in names if not self.right(said, name)]:
                raise Failed(f"{self.name} found something to change on {' '.join(wrong)}:\n{said[-3000:]}")
            return seconds

        return Way(self.name, once, Way.of(self.name, self.argv, cwd=self.cwd, env=self.env).memory)

    def _finds_a_fault(self, host: str) -> bool:
        done = subprocess.run(
            [*map(str, self.argv), *self.only(host)],
            cwd=self.cwd,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if host not in done.stdout:
            raise Failed(f"{self.name} says nothing of {host}:\n{done.stdout[-3000:]}")
        return done.returncode != 0 or not self.right(done.stdout, host)


@contextlib.contextmanager
def _without_ray(own: Path) -> Iterator[None]:
    """The host that keeps its files there looks as if its Ray had ended: what its stamp names is no process."""
    stamp = own / "ray" / "stamp"
    before, times = stamp.read_bytes(), stamp.stat()
    lines = before.decode().splitlines(keepends=True)
    stamp.write_text("".join("pid=4194305\n" if line.startswith("pid=") else line for line in lines))
    try:
        yield
    finally:
        stamp.write_bytes(before)
        os.utime(stamp, ns=(times.st_atime_ns, times.st_mtime_ns))


def paths(rack: Rack) -> dict[str, str]:
    """Of the environment that all hosts share."""
    envs = rack.hosts_root / "envs"
    current = envs / f"current-{rack.cluster}"
    env = current.resolve()
    (packages,) = env.glob("lib/python3*/site-packages")
    return {"env": str(env), "packages": str(packages), "current": str(current)}


def token(rack: Rack, folder: Path) -> Path:
    """The file that all hosts have, as it lies on the controller of a tool that copies it."""
    copy = folder / "ray-token"
    copy.touch(0o600)
    copy.write_bytes((rack.own(0) / "ray-token").read_bytes())
    return copy
