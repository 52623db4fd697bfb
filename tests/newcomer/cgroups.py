"""The cgroup that holds a machine's processes, and is the root of all cgroups for them.

On a machine that also has cgroups of version 1, those are left out: a newcomer's has version 2 alone.
"""

import contextlib
import os
import time
from pathlib import Path


def make() -> Path:
    cgroup = top() / f"newcomer-{os.getpid()}"
    cgroup.mkdir()
    return cgroup


def joins(cgroup: Path) -> list[str]:
    """The start of a command that runs in `cgroup`."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup)]


def top() -> Path:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, _ = line.split(" ", 3)
        if kind == "cgroup2":
            return Path(where)
    raise SystemExit("error: this machine has no cgroups of version 2")


def own() -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return top() / line.removeprefix("0::").lstrip("/")
    return top()


def delegate(cgroup: Path, starter: int) -> None:
    """Gives the machine all controllers, as it would have on metal: that takes a cgroup without processes."""
    (own() / "cgroup.procs").write_text(str(starter))
    wanted = [f"+{controller}" for controller in (cgroup / "cgroup.controllers").read_text().split()]
    (cgroup / "cgroup.subtree_control").write_text(" ".join(wanted))


def remove(cgroup: Path) -> None:
    """Waits until the kernel has let go of the processes that were in it."""
    for _ in range(100):
        for path in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()
        with contextlib.suppress(OSError):
            cgroup.rmdir()
            return
        time.sleep(0.1)
    print(f"note: the cgroup {cgroup} could not be removed")
