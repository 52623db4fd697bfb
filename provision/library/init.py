"""A first inventory: of hosts that are asked, as a new file."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from provision.begin.begin import Proposal, propose
from provision.begin.hosts_from import hosts_from
from provision.core.errors import ProvisionError
from provision.core.events import Listener, silent
from provision.core.exits import Exit
from provision.core.values import dataclass
from provision.library.new_file import refuse_existing, write_new

_HINT = "edit it, or name another file"


@dataclass(frozen=True)
class FirstInventory:
    """`path`: where it was written. `proposal`: what the hosts said, and what was chosen for them."""

    path: Path
    proposal: Proposal

    @property
    def text(self) -> str:
        return self.proposal.text

    @property
    def errors(self) -> Mapping[str, ProvisionError]:
        """By host, why it could not be asked; it is in the file all the same."""
        return self.proposal.errors

    @property
    def exit_code(self) -> int:
        return max((error.exit_code for error in self.errors.values()), default=Exit.DONE)


def init(
    path: Path,
    hosts: Sequence[str] = (),
    *,
    file: Path | None = None,
    user: str | None = None,
    key: str | None = None,
    jump: str | None = None,
    model: str | None = None,
    cluster: str | None = None,
    listener: Listener = silent,
    cancel: threading.Event | None = None,
) -> FirstInventory:
    """Asks the hosts for GPUs, driver and Python, and writes what fits them to `path`, which must not exist. `hosts`:
    names, ranges, addresses; `file`: an ssh_config, a list, an Ansible inventory, of which `hosts` may choose; neither:
    those of Slurm's allocation. `key`: relative to the current folder. Writes nothing on any host. Raises UsageError,
    InventoryError for a file that cannot be read."""
    refuse_existing(path, _HINT)
    if key and not key.startswith("~"):
        key = str(Path(key).absolute())
    ssh = {name: value for name, value in (("user", user), ("key", key), ("jump", jump)) if value}
    made = propose(
        hosts_from(hosts, file, os.environ),
        cluster=cluster or cluster_here(),
        path=path,
        model=model or "",
        ssh=ssh,
        listener=listener,
        cancel=cancel,
    )
    write_new(path, made.text, _HINT)
    return FirstInventory(path, made)


def cluster_here() -> str:
    """What a cluster is called of which nothing is said: as the folder."""
    try:
        name = Path.cwd().name
    except OSError:  # it is gone
        name = ""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower())[:40].strip("-") or "cluster"
