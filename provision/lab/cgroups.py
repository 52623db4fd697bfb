"""One cgroup per host in every hierarchy of this machine, which systemd inside the host then takes for the root."""

from __future__ import annotations

import re
import time
from pathlib import Path

from provision.lab.command import LabError
from provision.lab.state import Cgroup


def plan(tag: str, own: str = "", mounts: str = "") -> tuple[Cgroup, ...]:
    """Where a host's cgroups go: `tag` below this process's own, so that limits set on us hold for the host.

    `own` and `mounts` are the texts of /proc/self/cgroup and /proc/self/mountinfo, read if not given. With
    nothing but version 2, the cgroup goes below the root: a session's own cgroup may hold no others.
    """
    own = own or Path("/proc/self/cgroup").read_text()
    mounts = mounts or Path("/proc/self/mountinfo").read_text()
    points = mount_points(mounts)
    groups: list[Cgroup] = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        point = points.get(controllers)
        if point is None:
            continue
        if controllers:
            options = f"none,{controllers}" if controllers.startswith("name=") else controllers
            name = controllers.removeprefix("name=")
            groups.append(Cgroup(f"{point}{path.rstrip('/')}/{tag}", name, options))
        else:
            version2_only = len(points) == 1
            below = "" if version2_only else path.rstrip("/")
            groups.append(Cgroup(f"{point}{below}/{tag}", "" if version2_only else "unified", ""))
    return tuple(groups)


def mount_points(mountinfo: str) -> dict[str, str]:
    """Controllers, as /proc/self/cgroup writes them ("" for version 2) → where that hierarchy is mounted."""
    points: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        where = before.split(" ")[4]
        if kind == "cgroup2":
            points.setdefault("", where)
        elif kind == "cgroup":
            named = [option for option in options.split(",") if option.startswith("name=")]
            general = {"rw", "ro", "xattr", "noprefix", "clone_children", "seclabel"}
            controllers = [o for o in options.split(",") if o not in general and not re.match(r"release_agent=", o)]
            points.setdefault(",".join(named or controllers), where)
    return points


def make(groups: tuple[Cgroup, ...]) -> None:
    for group in groups:
        path = Path(group.path)
        path.mkdir(exist_ok=True)
        # A version 1 cpuset takes no process before it has CPUs and memory nodes.
        for name in ("cpuset.cpus", "cpuset.mems"):
            if group.options and (path / name).exists():
                (path / name).write_text((path.parent / name).read_text())


def remove(groups: tuple[Cgroup, ...], seconds: float = 5) -> None:
    """Removes these cgroups with all below them. Raises LabError if a process still holds one."""
    deadline = time.monotonic() + seconds
    for group in groups:
        top = Path(group.path)
        while top.exists():
            try:
                for path in sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True):
                    path.rmdir()
                top.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LabError(f"cgroup {top} cannot be removed: {error.strerror}") from error
                time.sleep(0.02)
