"""One run: gather (connect, facts, cluster), then converge (plan, prove, apply, report). Emits events, returns a
Report.

Two round trips on a host that needs nothing: facts, then the probes of all its resources. A third for each
stretch of changes, which ends by probing again what it changed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from provision.cluster.cluster import Cluster
from provision.cluster.existing import with_existing
from provision.cluster.gather import Fleet, fleet_of, gather_facts, holds_model, nodes_of
from provision.cluster.model_folder import with_model_folder
from provision.cluster.relaying import carriers
from provision.core import events
from provision.core.errors import ScriptFailed
from provision.core.events import Listener
from provision.core.finding import HELD_UP, Finding, Known, accepting, blocker
from provision.core.lease import read_answer
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook, Step
from provision.core.report import Report
from provision.core.resource import State
from provision.core.script import Script
from provision.core.stopwatch import Stopwatch
from provision.core.urls import passwords
from provision.engine.apply import Applier
from provision.engine.downtime import downtime
from provision.engine.former import Former, remember, settle
from provision.engine.inquirer import Inquirer
from provision.engine.leasing import Leasing, claim_of, look_around
from provision.engine.limited import limited
from provision.engine.prover import Prover
from provision.engine.reporting import report
from provision.engine.rollout import Carrier
from provision.engine.spares import with_spares
from provision.engine.stages import check_skipped
from provision.engine.state import Job, RunState, known_of
from provision.inventory.models import Host
from provision.transport.lease import looking


class Run:
    """One run, for one thread to drive; `execute` is called once. What it comes to know is in a RunState."""

    def __init__(self, job: Job, listener: Listener, cancel: threading.Event) -> None:
        self._job = job
        self._emit = _one_at_a_time(listener)
        self._cancel = cancel
        self._watch = Stopwatch()
        self._claim = claim_of(job.command, job.inventory.cluster, job.inventory.path) if job.writes else None

    def execute(self) -> Report:
        job, watch = self._job, self._watch
        hosts = [h for h in job.inventory.hosts if not job.only or h.name in job.only]
        self._emit(events.RunStarted("", job.command, job.inventory.cluster, tuple(h.name for h in hosts)))
        inventory = job.inventory
        secrets = [*job.secrets.values(), *passwords(inventory.model_dump()), *passwords(inventory.python.proxies)]
        with fleet_of(
            hosts,
            self._emit,
            sudo_password=job.sudo_password,
            redact=secrets,
            cancel=self._cancel,
            inventory=job.inventory.path,
            watch=watch,
            rate=job.inventory.transfer.rate,
        ) as fleet:
            former = Former(fleet, job)
            cluster, former = self._gather(fleet, former)
            with watch.part("here", "former members"):
                fleet, cluster, lost = former.join(fleet, cluster, self._claim)
            fleet, cluster, idle = with_spares(job, fleet, cluster)
            state = self._plan(fleet, cluster, [*lost, *idle])
            state.members = tuple(lost)
            self._converge(state)
            return report(job, state, self._emit, cancelled=self._cancel.is_set())

    def _gather(self, fleet: Fleet, former: Former) -> tuple[Cluster, Former]:
        """The inventory joined with the facts of the hosts that answered, and the former hosts as they are known by
        then."""
        job, claim, watch = self._job, self._claim, self._watch
        facts = gather_facts(fleet, job.inventory, job.questions, job.kept, claim, job.meanwhile)
        if claim is None:
            look_around(fleet.leases, job.inventory.path)
        else:
            watch.all_waited()
            with watch.part("wait", "another run"):
                waited = Leasing(fleet, claim, self._emit, wait=job.wait).settle()
            if job.unchanged is not None:
                job.unchanged(waited)
            # A run that is done by now has written who belongs to the cluster, and what was read is from before that.
            known = job.members is not None and job.members.reread()
            if waited or known:
                former = former.again(fleet)
            if waited:
                watch.all_waited()
                fleet.errors.clear()
                facts = gather_facts(fleet, job.inventory, job.questions, job.kept, claim)
                look_around(fleet.leases, job.inventory.path)
        watch.all_waited()
        if job.command == "check":
            self._say_ignored(fleet)
        secrets = {**job.secrets, **(job.kept.settle(fleet.held) if job.kept else {})}
        fleet.transport.learn(secrets.values())
        nodes = nodes_of(job.inventory, facts, fleet.names)
        with watch.part("here", "what the model's hub says"):
            model = job.model(holds_model(facts)) if job.model else None
        cluster = Cluster(job.inventory, nodes, job.lock, secrets, job.deep, model)
        return with_model_folder(with_existing(cluster), say=not job.mode.removes), former

    def _say_ignored(self, fleet: Fleet) -> None:
        """What ssh_config says that `ssh` would do, and a run does not."""
        found: dict[str, list[str]] = {}
        for host, names in fleet.transport.ignored.items():
            for name in names:
                found.setdefault(name, []).append(host)
        for name, hosts in found.items():
            self._emit(events.Note("", f"{name} of ssh_config has no effect here: {', '.join(hosts)}"))

    def _plan(self, fleet: Fleet, cluster: Cluster, lost: Sequence[Finding]) -> RunState:
        """Looks at what the playbook asks for, and works out what would change. Nothing is changed yet."""
        job, watch = self._job, self._watch
        with watch.part("here", "the playbook"):
            book = job.playbook(cluster)
        check_skipped(job.skip, book.proofs, job.skippable)
        if job.areas:
            book = _narrowed(book, job.areas)
        for host, text in book.notes:
            self._emit(events.Note(host, text))
        watch.all_waited()
        observed = self._observe(fleet, cluster, book)
        watch.all_waited()
        known = known_of(book, observed)
        book.findings += [*lost, *_reviewed(book, known, job.areas)]
        book.findings = accepting(book.findings, job.inventory.accepted)
        blockers = [b for b in book.blockers if not b.host or b.host in fleet.names]
        blockers += self._unreachable_blockers(fleet)

        def plan_of(seen: Mapping[str, State]) -> Plan:
            return make_plan(job.mode, book.steps, seen, blockers)

        if job.only and job.command in ("up", "rollback", "restart", "plan"):
            plan, missed = limited(plan_of, observed, book.steps, fleet.names)
            book.findings += missed
        else:
            plan = plan_of(observed)
        if plan.changes and (able := carriers(cluster)):
            from provision.engine.offers import served  # what few runs need

            plan = replace(plan, served=served(plan, able))
        self._emit(events.Planned("", plan))
        return RunState(fleet, cluster, book, observed, known, plan, watch)

    def _converge(self, state: RunState) -> None:
        """Makes the hosts what the plan says, if that is asked for and nothing is in the way; or only goes through
        the proofs."""
        job, fleet = self._job, state.fleet
        watch = self._watch
        prover = Prover(fleet.transport, _reached(fleet, state.cluster), self._emit, job.inventory.accepted, watch)
        carrier = Carrier(prover, self._emit, self._cancel, job.skip, watch)
        if job.apply and not state.plan.blockers and not self._cancel.is_set():
            if job.agree is not None:
                with watch.part("question", "a person's answer"):
                    job.agree(state.plan)
                watch.all_waited()
            self._apply(state, prover, carrier)
        elif job.prove and not self._cancel.is_set():
            carrier.prove([placed.proof for placed in state.book.proofs])
        for shown in carrier.shown:
            state.add(shown)

    def _apply(self, state: RunState, prover: Prover, carrier: Carrier) -> None:
        fleet, book = state.fleet, state.book
        applier = Applier(
            fleet.transport, fleet.pool, fleet.hosts, self._emit, self._cancel, self._watch, carriers(state.cluster)
        )
        if self._job.mode is Mode.UP:
            remember(self._job, self._emit, state)
        state.done = carrier.carry_out(state.plan, book.proofs, applier)
        state.kept = frozenset(applier.kept)
        fleet.ended.update(applier.ended)
        if {stop.step for stop in state.plan.stops if stop.what.serves} <= state.done:
            state.downtime = downtime(state.plan, self._watch.spans)
        if not self._job.mode.removes and not self._cancel.is_set():
            self._watch.all_waited()
            Inquirer(prover, self._emit).explain(applier.failed, book.inquiries)
        for error in (*applier.errors, *carrier.blocks):
            fleet.record(error.host, error)
        if applier.states:
            state.changed(applier.states)
        settle(self._job, state, self._emit)

    def _observe(self, fleet: Fleet, cluster: Cluster, book: Playbook) -> dict[str, State]:
        """What every probe saw, by step. A probe that fails leaves its step out and is an error of its host."""
        by_host: dict[str, list[Step]] = {}
        for step in book.steps:
            by_host.setdefault(step.host, []).append(step)

        def observe(host: Host) -> dict[str, State]:
            self._emit(events.Doing(host.name, "looking", passing=True))
            steps, probes = _neighbours(by_host[host.name])
            # Another run may have begun since the facts were read.
            looks = [] if self._job.writes else [looking()]
            with self._watch.part("looking", "looking", host.name):
                fragments = fleet.transport.connect(host).run([*probes, *looks])
            if looks and (answer := read_answer(fragments.pop().stdout)) is not None:
                fleet.leases[host.name] = answer
            states: dict[str, State] = {}
            for step, fragment in zip(steps, fragments, strict=True):
                if fragment.ok:
                    states[step.key] = step.resource.read(fragment)
                else:
                    message = f"{step.resource.label} could not be probed (exit code {fragment.rc})"
                    fleet.fail(ScriptFailed(host.name, message, evidence=fragment.tail()), step.key)
            return states

        hosts = [host for host in _reached(fleet, cluster) if host.name in by_host]
        states: dict[str, State] = {}
        for found in fleet.on_each(hosts, observe).values():
            states |= found
        if not self._job.writes:
            look_around(fleet.leases, self._job.inventory.path)
        return states

    def _unreachable_blockers(self, fleet: Fleet) -> list[Finding]:
        """`up` changes nothing while a host is unreachable, or could not be probed: the cluster would
        not come up without it."""
        if not self._job.apply or self._job.mode is not Mode.UP:
            return []
        failed = [name for name in fleet.names if name in fleet.errors]
        others = "" if len(failed) == len(fleet.names) else ", or name all other hosts with --limit"
        message = "nothing was changed on any host, because of this one"
        blocked = [blocker(name, message, hint=f"fix that first{others}") for name in failed]
        return [replace(one, fact=HELD_UP) for one in blocked]


def _neighbours(steps: Sequence[Step]) -> tuple[list[Step], list[Script]]:
    """Steps and their probes, those together that have the same before them."""
    probes = [replace(step.resource.probe(), optional=True, whole=True) for step in steps]
    alike: list[Script | None] = []
    alike += [probe.before for probe in probes if probe.before is not None and probe.before not in alike]
    order = sorted(range(len(steps)), key=lambda at: alike.index(probes[at].before) if probes[at].before else -1)
    return [steps[at] for at in order], [probes[at] for at in order]


def _reached(fleet: Fleet, cluster: Cluster) -> list[Host]:
    """The hosts whose facts were gathered."""
    every = (*cluster.nodes, *cluster.former, *cluster.spares)
    known = {node.name for node in every if node.facts is not None}
    return [host for host in fleet.hosts if host.name in known]


def _narrowed(book: Playbook, areas: Sequence[str]) -> Playbook:
    """What of a playbook concerns `areas`: good for looking, not for doing."""
    steps = [step for step in book.steps if step.resource.area in areas]
    findings = [finding for finding in book.findings if finding.area in areas]
    known = {host: tuple(k for k in cells if k.area in areas) for host, cells in book.known.items()}
    return replace(book, steps=steps, findings=findings, known=known)


def _reviewed(book: Playbook, known: Mapping[str, tuple[Known, ...]], areas: Sequence[str]) -> list[Finding]:
    return [f for review in book.reviews for f in review(known) if not areas or f.area in areas]


def _one_at_a_time(listener: Listener) -> Listener:
    """Events come from several threads; whoever listens need not care."""
    lock = threading.Lock()

    def listen(event: events.Event) -> None:
        with lock:
            listener(event)

    return listen
