"""The last good start as the head of the cluster keeps it, for whoever goes back from another machine.

No host is believed in where hosts, secrets and files of this machine are: of what the head says only what runs on hosts
is taken, packages by their hashes, arguments and the cut; all else is the present inventory's, and where the two differ
in what the start depends on, there is no way back by this.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provision.after.last_good import VERSION, LastGood, NoWayBack, Played
from provision.cluster.gather import answers
from provision.core.errors import LockError, UsageError
from provision.core.script import Script
from provision.core.secret import Secret
from provision.engine import alone
from provision.engine.unchanged import digest_of
from provision.environment.lockfile import no_lock, parse_lock
from provision.inventory import read_sudo_password
from provision.inventory.models import Inventory
from provision.payload.bundle import shell

#: By section of the inventory: what is taken from a host.
TAKEN = {
    "python": ("version", "platform", "packages", "prereleases", "torch_backend", "compile"),
    "serve": ("tensor_parallel", "pipeline_parallel", "args", "env", "ready_timeout"),
}

#: What must be as it was, since it is not taken.
_SAME = ("model", "backend", "name", "port", "listen")


def keep(inventory: Inventory, text: str, password: Secret | None, cancel: threading.Event | None) -> None:
    """`text`: as `last_good.text_of` has it. Raises ProvisionError: Busy, if another run has the head by now."""
    body = shell("files/trust.sh", "last_good/keep.sh")
    script = Script(body, {**_place(inventory), "text": text, "put": shell("files/put.sh")})
    alone.answers(
        inventory, {inventory.head.name: script}, command="up", fails="the last good start could not be kept",
        sudo_password=password, cancel=cancel,
    )  # fmt: skip


def fetch(present: Inventory, options: Mapping[str, Any]) -> LastGood:
    """`options`: `sudo_password`, `cancel`, as of a run. Raises NoWayBack where the head keeps none, UsageError
    where the `present` inventory cannot go back to it; HostError."""
    head = present.head.name
    script = Script(shell("files/trust.sh", "last_good/tell.sh"), _place(present))
    password = options.get("sudo_password") or read_sudo_password(present)
    said = answers(present, {head: script}, sudo_password=password, cancel=options.get("cancel"))[head].stdout
    if not said.strip():
        hint = "a successful `provision up` that changes something keeps one there"
        raise NoWayBack(f"{head} keeps no good start of `{present.cluster}`", hint=hint)
    try:
        content = json.loads(said)
        if content["v"] != VERSION:
            raise ValueError("another version")
        inventory = _merged(present, content["inventory"], head)
        text = str(content["lock"])
        lock = parse_lock(text, present.lock_path) if text else no_lock(inventory.python, present.lock_path)
        book = _playbook(present, content.get("playbook"), head)
        inventory = inventory.model_copy(update={"playbook": book.path if book else None})
        return LastGood(float(content["at"]), inventory, lock, book)
    except UsageError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, LockError) as error:
        raise NoWayBack(f"{head} keeps a good start that this version cannot read") from error


def _place(inventory: Inventory) -> dict[str, str]:
    head = inventory.head
    return {"root": head.base, "cluster": inventory.cluster, "host": head.name}


def _merged(present: Inventory, theirs: dict[str, Any], head: str) -> Inventory:
    mine = present.model_dump(mode="json")
    other = [] if _hosts(theirs) == _hosts(mine) else ["hosts"]
    serve, was = mine["serve"] or {}, theirs["serve"] or {}
    other += [f"serve.{name}" for name in _SAME if was.get(name) != serve.get(name)]
    if other or not serve:
        named = ", ".join(f"`{name}`" for name in other) or "`serve`"
        hint = "write them as they were, or go back from the machine that started it"
        raise UsageError(f"the good start that {head} keeps has other {named} than this inventory", hint=hint)
    for section, names in TAKEN.items():
        mine[section] = {**mine[section], **{name: theirs[section][name] for name in names}}
    return Inventory.model_validate(mine)


def _hosts(said: dict[str, Any]) -> set[tuple[str, str]]:
    return {(str(host["name"]), str(host["role"])) for host in said["hosts"]}


def _playbook(present: Inventory, kept: dict[str, Any] | None, head: str) -> Played | None:
    """One of this machine, if it is the same: no path of another machine's is run here."""
    if not kept:
        return None
    name = Path(str(kept["path"])).name
    if present.playbook is None or digest_of(present.playbook) != kept["sha256"] or kept.get("beside"):
        hint = "name it as `playbook`, as it was; `--playbook FILE` goes back with another"
        raise UsageError(
            f"the good start that {head} keeps was made with a playbook `{name}` that is not here", hint=hint
        )
    return Played(present.playbook, str(kept["sha256"]))
