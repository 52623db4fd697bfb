"""A plan in a file: what would be done, and what that was worked out from, so that `up` can refuse once it is another.

It is made from the inventory, the playbook, the lock (which it holds whole, since there may be none in a file yet) and
what was observed on the hosts, each by digest. No secret is in it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from provision.core.errors import LockError, PlanChanged, UsageError
from provision.core.exits import ANSWERED
from provision.core.files import write_whole
from provision.core.plan import Plan
from provision.core.private import require_ours
from provision.core.reading import as_json, read_given, read_kept
from provision.core.report import Report
from provision.core.urls import masked
from provision.core.values import dataclass
from provision.environment import locks
from provision.environment.lockfile import Lock, write_lock
from provision.inventory.models import Inventory

#: Raised when a field changes its meaning; a file of another version is refused.
VERSION = 1

_AGAIN = "make it anew: `provision plan --out FILE`"
_BUILT = "; what an `up` has built that did not come to its end stays, and a new plan begins there"


@dataclass(frozen=True)
class Basis:
    """What a plan was made from. `only`: the hosts that it is limited to, none for all; `lock`: its text; `hosts`:
    name → digest of what was observed there."""

    cluster: str
    inventory: str
    playbook: str
    only: tuple[str, ...]
    lock: str
    hosts: Mapping[str, str]


def keep(report: Report, inventory: Inventory, playbook: Path, only: Sequence[str], lock: str, path: Path) -> None:
    """Whole or not at all; a run that could not work it all out leaves no plan. Raises UsageError."""
    plan = report.plan
    if plan is None or report.exit_code not in ANSWERED:
        return
    made_from = Basis(
        inventory.cluster, _of_inventory(inventory), _digest(read_kept(playbook)), tuple(only), lock, dict(plan.seen)
    )
    changes = [
        {
            "host": change.step.host,
            "action": change.action.name.lower(),
            "label": change.step.resource.label,
            "lines": lines,
        }
        for change, lines in zip(plan.changes, plan.lines, strict=True)
    ]
    content = {"v": VERSION, "kind": "plan", "made": time.time(), "from": asdict(made_from), "changes": changes}
    try:
        write_whole(path, masked(json.dumps(content, indent=1, ensure_ascii=False)) + "\n")
    except OSError as error:
        raise UsageError(f"--out: `{path}` cannot be written: {error.strerror}") from error


def followed(
    path: Path, inventory: Inventory, playbook: Path, only: Sequence[str], agree: Callable[[Plan], None] | None
) -> tuple[Lock | None, Callable[[Plan], None]]:
    """The lock to work with, where the plan worked it out, and what `up` is to ask before it changes anything, so that
    it does what the plan at `path` says: it writes that lock once the run goes on. `agree`: what it asks besides.
    Raises PlanChanged, UsageError, LockError; so does what is returned."""
    made_from = load(path)
    worked_out = settle(made_from, inventory, playbook, only)
    go_on = agreeing(made_from, agree)

    def agreed(plan: Plan) -> None:
        go_on(plan)
        # Another run may have made one while this one waited.
        if lock := _worked_out(made_from, inventory):
            write_lock(lock)

    return worked_out, agreed


def load(path: Path) -> Basis:
    """Raises UsageError."""
    try:
        # Its lock says what is installed, where there is none in a file yet.
        require_ours(path)
        content = as_json(read_given(path))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise UsageError(f"--plan: `{path}` cannot be read: {why}", hint=_AGAIN) from error
    try:
        if content["kind"] != "plan" or content["v"] != VERSION:
            raise ValueError("another kind of file, or of another version")
        found = content["from"]
        texts = {name: str(found[name]) for name in ("cluster", "inventory", "playbook", "lock")}
        only, hosts = tuple(map(str, found["only"])), {str(k): str(v) for k, v in found["hosts"].items()}
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise UsageError(f"--plan: `{path}` is no plan that this version has made", hint=_AGAIN) from error
    return Basis(**texts, only=only, hosts=hosts)


def settle(made_from: Basis, inventory: Inventory, playbook: Path, only: Sequence[str]) -> Lock | None:
    """Before any host is contacted: inventory, playbook and lock are those of the plan. The lock that the plan worked
    out, where the file does not have it. Raises PlanChanged, UsageError, LockError."""
    if made_from.cluster != inventory.cluster:
        raise UsageError(f"--plan: it is a plan for the cluster `{made_from.cluster}`, not for `{inventory.cluster}`")
    if sorted(made_from.only) != sorted(only):
        named = " ".join(f"--limit {name}" for name in made_from.only) or "no --limit"
        raise UsageError(f"--plan: it was made with {named}", hint="give the same hosts, or make it anew")
    if made_from.inventory != _of_inventory(inventory):
        raise _changed(f"`{inventory.path.name}`")
    if made_from.playbook != _digest(read_kept(playbook)):
        raise _changed(f"the playbook `{playbook.name}`")
    return _worked_out(made_from, inventory)


def _worked_out(made_from: Basis, inventory: Inventory) -> Lock | None:
    if not inventory.python.packages and inventory.runtime is None:
        return None
    try:
        planned = locks.parse(made_from.lock, inventory.lock_path)
    except LockError as error:
        raise UsageError("--plan: the lock in it is damaged", evidence=[error.message], hint=_AGAIN) from error
    found = locks.fitting(inventory)
    if found is None:
        return planned
    if found.digest != planned.digest:
        raise _changed(f"the lock `{inventory.lock_path.name}`")
    return None


def agreeing(made_from: Basis, then: Callable[[Plan], None] | None) -> Callable[[Plan], None]:
    """What `up` is to ask before it changes anything: the hosts are as the plan saw them. What is returned raises
    PlanChanged."""

    def agree(plan: Plan) -> None:
        others = sorted(
            host for host in {*plan.seen, *made_from.hosts} if plan.seen.get(host) != made_from.hosts.get(host)
        )
        if others:
            raise _changed(f"what was seen on {', '.join(others)}", _BUILT)
        if then is not None:
            then(plan)

    return agree


def _changed(what: str, more: str = "") -> PlanChanged:
    message = f"{what} has changed since the plan was made: nothing was changed on any host"
    return PlanChanged(message, hint=f"{_AGAIN}{more}")


def _of_inventory(inventory: Inventory) -> str:
    """What it says, wherever the file is. A secret is named in it, and not given."""
    said = inventory.model_dump(mode="json", exclude={"path"})
    return _digest(json.dumps(said, sort_keys=True, default=str).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
