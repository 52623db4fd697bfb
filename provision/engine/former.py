"""Hosts that were members of the cluster, in a run: asked beside the others, and never in the way of these."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import Fleet, gather_facts
from provision.core import events
from provision.core.errors import HostBusy, HostError, NoHome, ProvisionError, Unreachable
from provision.core.events import Listener, silent
from provision.core.finding import Finding, Severity
from provision.core.lease import Answer, Claim, Holder
from provision.core.paths import MOVE, cluster_dir, state_dir
from provision.core.plan import Mode
from provision.core.room import way_out
from provision.core.stopwatch import Stopwatch
from provision.engine.leasing import this_person
from provision.engine.members import AT, FILE, KeptMember
from provision.engine.state import Job, RunState
from provision.inventory.models import Host

_WHY = "what still runs there goes on, and may come back to the others"


class Former:
    """Asks them in a thread of its own, so that one that is gone makes nobody wait longer than its own time."""

    def __init__(self, fleet: Fleet, job: Job) -> None:
        self._job = job
        # What they take is no part of the run's time, but for the waiting for them.
        watch = Stopwatch()
        self._fleet = replace(fleet, hosts=former_of(job), emit=silent, errors={}, held={}, leases={}, watch=watch)
        self._nodes: dict[str, Node] = {}
        self._thread = threading.Thread(target=self._ask, daemon=True)
        if self._fleet.hosts:
            self._thread.start()

    def again(self, fleet: Fleet) -> Former:
        """What is known of them now, where what was asked for is out of date."""
        if self._fleet.hosts:
            self._thread.join()
        return Former(fleet, self._job)

    def _ask(self) -> None:
        try:
            facts = gather_facts(self._fleet, self._job.inventory)
        except RuntimeError:
            return  # the run has ended meanwhile, and its threads with it
        for host, answer in self._fleet.leases.items():
            if facts.get(host) is not None and (holder := _somebody_else(answer)) is not None:
                del facts[host]
                self._fleet.record(host, HostBusy(host, holder.sentence(), hint="wait until it is done"))
        self._nodes = {host.name: Node(host, facts[host.name]) for host in self._fleet.hosts if host.name in facts}

    def _lease(self, claim: Claim) -> None:
        """Not before the run has those of its members: it waits for nobody any more, so that no two runs can wait for
        each other. What is somebody else's is left to them."""

        def take(host: Host) -> None:
            answer, _ = self._fleet.transport.connect(host).hold(claim)
            if (holder := answer.holder if answer.state == "busy" else None) is not None:
                raise HostBusy(host.name, holder.sentence(), hint="wait until it is done")
            if answer.state == "busy":
                raise HostBusy(host.name, "another run is just beginning, or ending", hint="run it again")

        self._fleet.on_each([node.host for node in self._nodes.values()], take)
        self._nodes = {name: node for name, node in self._nodes.items() if name not in self._fleet.errors}

    def join(self, fleet: Fleet, cluster: Cluster, claim: Claim | None) -> tuple[Fleet, Cluster, list[Finding]]:
        """The fleet and the cluster with those that answered, whose leases are taken by `claim`, and a finding for each
        that did not. `down` is not done while it could not look at one of them: there it is an error."""
        renamed = self._job.members.renamed if self._job.members is not None and not self._job.only else ()
        cluster = replace(cluster, renamed=renamed)
        beside = [*_beside(self._job), *(_taken_for(self._job, name) for name in renamed)]
        if self._job.members is not None and self._job.members.entries:
            from provision.engine.roots import roots_before  # before its first `up` a cluster has had none

            beside += roots_before(self._job, cluster)
        if not self._fleet.hosts:
            return fleet, cluster, beside
        self._thread.join()
        if claim is not None:
            self._lease(claim)
        lost = [host for host in self._fleet.hosts if host.name not in self._nodes]
        if self._job.mode.removes:
            for host in lost:
                for error in self._fleet.errors.get(host.name, []):
                    if isinstance(error, Unreachable):
                        error.hint = "; ".join(part for part in (error.hint, self._gone(host)) if part)
                    fleet.record(host.name, error)
                    if isinstance(error, HostError):
                        fleet.emit(events.failed(error))
            asked = self._fleet.hosts
        else:
            asked = tuple(node.host for node in self._nodes.values())
        nodes = tuple(node for node in self._nodes.values() if not _readdressed(node, cluster))
        findings = [] if self._job.mode.removes else [self._finding(host) for host in lost]
        return replace(fleet, hosts=(*fleet.hosts, *asked)), replace(cluster, former=nodes), [*beside, *findings]

    def _gone(self, host: Host) -> str:
        assert self._job.members is not None
        return f"if {host.name} is gone for good: `rm {shlex.quote(str(self._job.members.path))}`"

    def _finding(self, host: Host) -> Finding:
        (error, *_) = self._fleet.errors.get(host.name, [ProvisionError("it did not answer")])
        said = f"{host.name} ({host.address}) was a member, is no longer in the inventory, and cannot be looked at"
        hint = f"`provision up` stops it once it answers; {self._gone(host)}"
        return Finding(
            "",
            "services",
            f"former member {host.name}",
            Severity.WARNING,
            said=said,
            why=_WHY,
            hint=hint,
            evidence=(error.message,),
        )


def _beside(job: Job) -> list[Finding]:
    """Clusters that are left alone, although this one might have been called so."""
    if job.members is None or job.only or job.areas:
        return []
    why = job.members.written.damaged
    unread = [_unread(job, job.members.path, why)] if why else []
    others = sorted(job.members.elsewhere(), key=_source)
    kept = [_of_another(job, source, members) for source, members in groupby(others, _source)]
    return [*unread, *kept, *(_may_run(job, name) for name in job.members.beside)]


def _source(member: KeptMember) -> str:
    return member.source


def _of_another(job: Job, source: str, members: Iterable[KeptMember]) -> Finding:
    hosts = ", ".join(f"{member.host.name} ({member.host.address})" for member in members)
    cluster = job.inventory.cluster
    return Finding(
        "",
        "services",
        "former members",
        Severity.WARNING,
        said=f"left alone, because `{source}` has them, too: {hosts}, which serve as `{cluster}`",
        why="two inventories that give their clusters one name may mean one cluster or two",
        hint=f"two: give one another `cluster`; one: take these hosts out of `{source}`, and run `provision up` again",
    )


def _unread(job: Job, path: Path, why: str) -> Finding:
    kept = shlex.quote(str(path))
    return Finding(
        "",
        "services",
        "former members",
        Severity.WARNING,
        said=f"who belonged to `{job.inventory.cluster}` is not known: `{path}` {why}",
        why="a host that was taken out of the inventory is not stopped, and not named",
        hint="end what it runs by `provision down` with an inventory that has it; once there is no such host, "
        f"`mv {kept} {kept}.old`",
    )


def _taken_for(job: Job, name: str) -> Finding:
    """A cluster that goes by another name, or another one of the same hosts and path: from here they look the same."""
    source, here = job.inventory.path, job.inventory.cluster
    does = "is ended" if job.mode.removes else "is ended by `up`, which then starts"
    then = "" if job.mode.removes else f" `{here}`"
    return Finding(
        "",
        "services",
        f"cluster {name}",
        Severity.WARNING,
        said=f"{source} said `cluster: {name}` before: what runs as `{name}` on these hosts {does}{then}",
        why=f"`{here}` is taken for the same cluster under another name; one of the same hosts and path looks no other",
        hint=f"if `{name}` is a cluster of its own, which is to stay: keep this inventory at another path",
    )


def _may_run(job: Job, name: str) -> Finding:
    source = job.inventory.path
    kept = shlex.quote(str(cluster_dir(name) / FILE))
    return Finding(
        "",
        "services",
        f"cluster {name}",
        Severity.WARNING,
        said=f"cluster `{name}` may run on the same hosts; its inventory stood at {source}, too, and it is left alone",
        why="two clusters on a host share its ports and its memory",
        hint=f"to end it, `provision down INVENTORY` with one that says `cluster: {name}`; if it is gone: `rm {kept}`",
    )


def _somebody_else(answer: Answer) -> Holder | None:
    """Who is at work there, as for a cluster that the host belongs to by now. Under another name, it may be one of the
    hosts of this run."""
    holder = answer.holder if answer.state == "busy" else None
    return None if holder is None or (holder.pid, holder.who) == (os.getpid(), this_person()) else holder


def former_of(job: Job) -> tuple[Host, ...]:
    """Those that this run is about: all, unless `--limit` says otherwise."""
    if job.members is None or job.only or job.areas:
        return ()
    return job.members.former(stopped=job.mode is Mode.PURGE)


def _readdressed(node: Node, cluster: Cluster) -> bool:
    """It is no other machine than a member of the same name, which is reached by another address by now."""
    name = node.name.partition(AT)[0]
    mine = {address for interface in node.facts.interfaces for address in interface.addresses} if node.facts else set()
    return name != node.name and any(member.name == name and member.node_ip in mine for member in cluster.nodes)


def settled(job: Job, state: RunState) -> tuple[str, ...]:
    """Names of the hosts on which nothing of the cluster runs any more, as far as this run is about them."""
    present = {node.name for node in state.cluster.nodes}
    planned = {change.step.host for change in state.plan.changes if change.step.key not in state.done}
    return tuple(
        name
        for name in state.fleet.names
        if (job.mode.removes or name not in present) and name not in planned and name not in state.fleet.errors
    )


def remember(job: Job, emit: Listener, state: RunState) -> None:
    """Before the first change. That it cannot be kept is said, and changes nothing else."""
    serving = {node.name for node in state.cluster.nodes}
    names = [name for name in state.fleet.names if name in serving]
    idle = [host.name for host in job.inventory.hosts if host.name not in serving]
    _try(emit, lambda: job.members.begin(names, idle) if job.members is not None else None)


def settle(job: Job, state: RunState, emit: Listener) -> None:
    members = job.members
    if members is None:
        return
    stopped = settled(job, state)

    def write() -> None:
        members.settle(stopped, purged=job.mode is Mode.PURGE)
        if members.renamed and not job.only and not state.fleet.errors:
            members.forget_names()

    if stopped or members.renamed:
        _try(emit, write)


def _try(emit: Listener, write: Callable[[], None]) -> None:
    try:
        write()
    except NoHome as error:
        emit(events.Note("", f"who belongs to the cluster was not kept: {error.message}"))
    except OSError as error:
        hint = getattr(error, "hint", "") or way_out(error, state_dir(), MOVE)
        emit(events.Note("", f"who belongs to the cluster was not kept: {error.strerror} ({hint})"))
