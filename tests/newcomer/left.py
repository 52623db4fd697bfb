"""What a command leaves on a machine: processes, mounts, links, cgroups, and files beside the project's own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from machine import Machine
from who import Who

#: pip, which the README has them type, keeps its own: with and without this project.
PIPS = "pip"


@dataclass(frozen=True)
class There:
    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    cgroups: frozenset[str]
    files: frozenset[str]

    def beside(self, before: There) -> list[str]:
        """What is there that was not before, each with its kind."""
        return [
            f"{field.name}: {name}"
            for field in fields(self)
            for name in sorted(getattr(self, field.name) - getattr(before, field.name))
        ]


def there(machine: Machine, who: Who) -> There:
    proc = Path(f"/proc/{machine.pid}")
    pids = [pid for path in machine.cgroup.rglob("cgroup.procs") for pid in path.read_text().split()]
    mounts = [line.split(" ")[4] for line in (proc / "mountinfo").read_text().splitlines()]
    links = [line.partition(":")[0].strip() for line in (proc / "net/dev").read_text().splitlines()[2:]]
    cgroups = [str(path.relative_to(machine.cgroup)) for path in machine.cgroup.rglob("*") if path.is_dir()]
    return There(
        frozenset(map(process, pids)), frozenset(mounts), frozenset(links), frozenset(cgroups), files(machine, who)
    )


def process(pid: str) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"
    except OSError:
        return f"{pid} (gone)"


def files(machine: Machine, who: Who) -> frozenset[str]:
    """The entries of the folders in which programs keep things, as the machine names them."""
    kept = [f"{who.home}/{name}" for name in (".cache", ".config", ".local/share", ".local/state")] if who.home else []
    # By the machine's own view: some of these are mounts.
    root = Path(f"/proc/{machine.pid}/root")
    found = {
        f"{folder}/{path.name}"
        for folder in (*kept, "/tmp", "/var/tmp", "/dev/shm")
        if (root / folder.lstrip("/")).is_dir()
        for path in (root / folder.lstrip("/")).iterdir()
        if path.name != PIPS
    }
    ours = {f"/{folder}/{path.name}" for folder in ("run", "var/lib") for path in (root / folder).glob("*provision*")}
    return frozenset(found | ours)


def unnamed(left: list[str], said: str) -> list[str]:
    """Of what is left, the things of which `said` names neither them, nor something around or in them."""
    words = [Path(word.strip("`.,;:()")) for word in said.split() if word.strip("`(").startswith("/")]
    # A folder such as /tmp holds what is anybody's.
    named = [path for path in words if len(path.parts) > 2]
    return [
        thing
        for thing in left
        for path in [Path(thing.partition(": ")[2])]
        if not any(path.is_relative_to(name) or name.is_relative_to(path) for name in named)
    ]
