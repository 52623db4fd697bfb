"""The library: what the command line does, a program can. Returns typed reports; never prints or exits. What can be
asked for, all by keyword: `Options`.

    inventory = provision.load("inventory.yaml")
    report = provision.up(inventory, listener=print)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from provision import inventory as inventories
from provision.after import last_good, on_head, pruning
from provision.after.succeeded import succeeded
from provision.after.way_back import went_back
from provision.checks.host.check import questions
from provision.checks.ids import acceptable
from provision.cluster import gather, other_way
from provision.core.errors import UsageError
from provision.core.events import Listener, Note, silent
from provision.core.exits import Exit
from provision.core.files import require_writable
from provision.core.options import Options
from provision.core.plan import Mode
from provision.core.report import Report
from provision.core.secret import Secret
from provision.engine import members, plan_file, snapshot, unlocking
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.engine.run import Run
from provision.engine.state import Job
from provision.engine.unchanged import MadeFrom, inventory_files
from provision.environment.cache import check_cache
from provision.environment.lockfile import Lock
from provision.environment.locks import lock_of, lock_or_broken, make_lock_of
from provision.inventory.models import Inventory
from provision.operate.building import ready
from provision.proofs.names import PROOFS
from provision.serving.given_tls import given_tls
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.kept_key import own_certificate, together
from provision.stack.later import Later
from provision.stack.moved import MOVED
from provision.stack.token import RAY_TOKEN, ClusterToken, no_token
from provision.weights.lookup import look_for

if TYPE_CHECKING:
    from provision.cluster.firewall import Firewall
    from provision.serving.bench import Bench, Load
    from provision.serving.smoke import Smoke


def load(path: str | Path, *, require_secrets: bool = True, require_files: bool = True) -> Inventory:
    """Reads and validates an inventory. Raises InventoryError, with every problem in it. `down` requires neither."""
    return inventories.load(path, require_secrets=require_secrets, require_files=require_files, ids=acceptable())


def plan(inventory: Inventory, *, out: Path | None = None, **options: Unpack[Options]) -> Report:
    """What `up` would change, and why. Contacts the hosts, writes nothing there. `out`: a file for `up(planned=…)`."""
    require_writable("--out", out)
    report = _execute(job := _job("plan", Mode.CHECK, inventory, options), options)
    if out is not None:
        plan_file.keep(report, inventory, _playbook(inventory, options).path, job.only, job.lock.text, out)
    return report


def check(
    inventory: Inventory,
    *,
    areas: Sequence[str] = (),
    against: Path | None = None,
    since_up: bool = False,
    save: Path | None = None,
    tests: Path | None = None,
    prove: bool = False,
    broken_lock: bool = False,
    **options: Unpack[Options],
) -> Report:
    """Whether the hosts are as the inventory says, as each other, and as they must be for the model to run. Writes
    nothing on any host. `areas`: which of provision.core.finding.AREAS to look at, none for all. `against`: a
    snapshot; what has changed since is in the report, and counts as drift. `since_up`: the one that the last successful
    `up` kept. `save`: where to keep a snapshot of what is found. `tests`: a folder of checks of your own
    (provision.testing). `prove`: go through the proofs, too, which takes seconds and uses the hosts' network and GPUs.
    `broken_lock`: a lock that cannot be read is a finding, and all else is looked at without it. Raises SnapshotError
    before any host is contacted."""
    source = snapshot.last_up(inventory.cluster) if since_up else against
    before = snapshot.load(source) if source else None
    if save is not None:
        snapshot.must_be_writable(save)
    if tests is not None:
        from provision.testing.run import require_tests

        require_tests(tests)
    job = _job("check", Mode.CHECK, inventory, options, lock_or_broken(inventory) if broken_lock else None)
    report = _execute(replace(job, areas=tuple(areas), prove=prove), options)
    if tests is not None:
        from provision.testing.run import tested

        report = tested(
            report, inventory.path, tests, options.get("listener"), options.get("cancel"), options.get("sudo_password")
        )
    if before is not None:
        name = "last up" if since_up else str(against)
        since = snapshot.since(before, report, source=name, areas=areas)
        report = replace(report, since=since, exit_code=report.exit_code or (Exit.NO if since.changes else Exit.DONE))
    return report if save is None else snapshot.saved(report, inventory.cluster, time.time(), save)


def up(
    inventory: Inventory, *, planned: Path | None = None, go_back: bool = False, **options: Unpack[Options]
) -> Report:
    """Makes the hosts what the inventory says; what is so already is left alone. Locks the environment first
    if that has not been done. If all went well, what the hosts are like now is kept for `check(since_up=True)`.
    `planned`: a file of `plan(out=…)`; raises PlanChanged if what that was made from is no longer so.
    `go_back`: when a new start fails for which a model was stopped, the last good one is started again."""
    lock: Lock | None = None
    if planned is not None:
        playbook, only = _playbook(inventory, options).path, options.get("limit") or ()
        lock, options["agree"] = plan_file.followed(planned, inventory, playbook, only, options.get("agree"))
    report = _up(_job("up", Mode.UP, inventory, options, lock=lock), options)
    wanted = go_back or (inventory.serve is not None and inventory.serve.rollback_on_failure)
    options["agree"] = lambda _: None  # nobody is asked: what is stopped for the way back does not serve
    options["playbook"] = None  # nor is the one of the start that failed
    return went_back(report, lambda: rollback(inventory, **options), options.get("cancel")) if wanted else report


def rollback(inventory: Inventory, *, from_head: bool = False, **options: Unpack[Options]) -> Report:
    """Starts again what the last good `up` from here (`from_head`: from anywhere) started, or raises UsageError."""
    kept = on_head.fetch(inventory, options) if from_head else last_good.load(inventory)
    options["playbook"] = options.get("playbook") or last_good.playbook(kept)
    _noting(options.get("listener") or silent)(f"going back to what was started by {kept.when}")
    job = _job("rollback", Mode.UP, kept.inventory, options, lock=kept.lock)
    return _up(job if from_head else replace(job, agree=last_good.still(kept, inventory, job.agree)), options)


def restart(inventory: Inventory, services: Sequence[str] = (), **options: Unpack[Options]) -> Report:
    """Starts services (`ray`, `vllm`; none named: all) anew, with what hangs on them, and no proofs. Raises UsageError
    for one that there is not, PlanChanged before anything is changed, if more than that would."""
    from provision.stack.again import only_restarts, require_services, restarting

    require_services(services, inventory, options.get("playbook"))  # before any host is connected to
    options["agree"] = only_restarts(options.get("agree"))
    options["skip"] = options.get("skip") or tuple(PROOFS)
    job = _job("restart", Mode.UP, inventory, options)
    return _up(job, options, replace(job, playbook=restarting(job.playbook, services)))


def down(inventory: Inventory, *, purge: bool = False, **options: Unpack[Options]) -> Report:
    """Stops what `up` started, in reverse order. `purge`: removes the environments as well."""
    return _execute(_job("down", Mode.PURGE if purge else Mode.DOWN, inventory, options), options)


def smoke(
    inventory: Inventory,
    *,
    timeout: float = 120.0,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Smoke:
    """One question to the served model, from here through the head's address, or on the head where that cannot be
    connected to from here. `timeout`: seconds for the whole answer.

    Raises NotServing (there is no server, or it is not ready), NoAnswer (it refuses, or is silent), UsageError
    (the inventory serves nothing), Unreachable's subclasses, Cancelled.
    """
    from provision.serving import smoke as smoking

    secrets, password = inventories.read_secrets(inventory), _sudo_password(inventory, sudo_password)
    return smoking.smoke(inventory, secrets, timeout=timeout, cancel=cancel, sudo_password=password)


def bench(
    inventory: Inventory,
    load: Load | None = None,
    *,
    listener: Listener = silent,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Bench:
    """A bounded load on the served model, by vLLM's own `vllm bench serve` on the head. `load`: how much, by default
    `provision.serving.bench.Load()`. Raises as `smoke`; BenchFailed without a result, which has failed requests."""
    from provision.serving import bench as benching

    secrets, password = inventories.read_secrets(inventory), _sudo_password(inventory, sudo_password)
    return benching.bench(
        inventory, secrets, load or benching.Load(), say=_noting(listener), cancel=cancel, sudo_password=password
    )


def firewall(
    inventory: Inventory, *, cancel: threading.Event | None = None, sudo_password: Secret | None = None
) -> Firewall:
    """What a firewall has to let through. Asks the hosts, unless each has a `node_ip`; writes nothing. Raises HostError
    for one that could not be asked, or whose address is not known."""
    from provision.cluster import firewall as rules
    from provision.stack.closing import closed

    cluster = gather.addressed(inventory, lambda: _sudo_password(inventory, sudo_password), cancel)
    return rules.needed(cluster, gather.ssh_ports(inventory), [closed(cluster, node) for node in cluster.nodes])


def set_firewall(inventory: Inventory, *, remove: bool = False, **options: Unpack[Options]) -> Report:
    """Has nftables keep hosts outside the cluster from its ports, on every host, in a table of the cluster's own; needs
    root there. `remove`: takes it away again. `up` keeps what was set. Of the options `playbook`, `deep` and `skip`
    are not used. Raises UsageError if the inventory says otherwise."""
    from provision.stack.closing import tables

    if not remove and inventory.firewall.enabled is False:
        raise UsageError("the inventory says `firewall: false`", hint="remove that, or write `firewall: true`")
    mode, asked = (Mode.DOWN, {}) if remove else (Mode.UP, questions())
    password = _sudo_password(inventory, options.get("sudo_password"))
    job = Job.of_steps("firewall", mode, inventory, tables, password, options.get("limit"), asked)
    job = replace(job, wait=options.get("wait", True), unchanged=MadeFrom(inventory_files(inventory.path)).still)
    return Run(job, options.get("listener") or silent, options.get("cancel") or threading.Event()).execute()


def lock(
    inventory: Inventory, *, upgrade: bool = False, upgrade_packages: Sequence[str] = (), listener: Listener = silent
) -> Path:
    """Resolves the environment's packages to versions and hashes, beside the inventory. Raises LockError."""
    of, say = ready(inventory), _noting(listener)
    return make_lock_of(of, upgrade=upgrade, upgrade_packages=upgrade_packages, say=say).path


unlock, prune = unlocking.unlock, pruning.prune


def _sudo_password(inventory: Inventory, given: Secret | None) -> Secret | None:
    """What was given for this run, else what the inventory names."""
    return given or inventories.read_sudo_password(inventory)


def _job(command: str, mode: Mode, inventory: Inventory, options: Options, lock: Lock | None = None) -> Job:
    writes, removes, book = mode is Mode.UP, mode.removes, _playbook(inventory, options)
    inventory = inventory if removes else ready(inventory)
    # Going back goes by no file of now but the playbook, and a plan in a file compares its lock itself.
    files = [book.path, *(inventory_files(inventory.path) if command != "rollback" else ())]
    made_from = MadeFrom(files, lambda: {} if removes else inventories.read_secrets(inventory) | given_tls(inventory))
    if command == "up" and inventory.python.wheels == "controller" and inventory.python.packages:
        check_cache()
    secrets = made_from.secrets
    token = None if RAY_TOKEN in secrets else ClusterToken(inventory.cluster, inventory.head.name, writes)
    secrets = {**secrets, **no_token()} if token is not None and removes else secrets
    if lock is None:
        # `check` has a finding of its own for a lock that does not fit.
        say = _noting(silent if command == "check" else options.get("listener") or silent)
        path, resolve, make = inventory.lock_path, command == "plan", writes and command != "restart"
        lock = lock_of(inventory, make=make, resolve=resolve, say=say, removes=removes)
        made_from.files([] if removes else [path])
    missed = _noting(options.get("listener") or silent) if removes else None
    whole = Later(partial(book.load, missed), removes=removes)
    if book.own:
        whole.ready()  # a person's mistakes are said before any host is contacted
    return Job(
        command=command,
        mode=mode,
        apply=command in ("up", "down", "rollback", "restart"),
        inventory=inventory,
        playbook=whole,
        meanwhile=whole.ready,
        lock=lock,
        secrets=secrets,
        sudo_password=_sudo_password(inventory, options.get("sudo_password")),
        only=tuple(options.get("limit") or ()),
        deep=options.get("deep", False),
        skip=tuple(options.get("skip") or ()),
        skippable=tuple(PROOFS),
        model=None if removes else look_for(inventory, secrets),
        questions={} if removes else {**questions(), **other_way.asked(inventory)},
        kept=None if removes else together(token, own_certificate(inventory)),
        wait=options.get("wait", True),
        agree=options.get("agree"),
        unchanged=made_from.still,
        members=members.Members.of(inventory),
    )


def _up(job: Job, options: Options, doing: Job | None = None) -> Report:
    # `doing`: what is done, where that is not what is to be so in the end.
    book = last_good.played(options.get("playbook") or job.inventory.playbook)  # as it was just loaded
    done = _execute(doing or job, options)
    return succeeded(job, done, options.get("listener") or silent, options.get("cancel"), book)


def _execute(job: Job, options: Options) -> Report:
    with _playbook(job.inventory, options).mistakes():
        return Run(job, options.get("listener") or silent, options.get("cancel") or threading.Event()).execute()


def _playbook(inventory: Inventory, options: Options) -> PlaybookFile:
    path = options.get("playbook") or inventory.playbook or built_in(playbook_of(inventory))
    return PlaybookFile(path, like=built_in(DEFAULT), moved=MOVED)


def _noting(listener: Listener) -> Callable[[str], None]:
    return lambda text: listener(Note("", text))
