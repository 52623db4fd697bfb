"""One run: connect → facts → playbook → observe → plan → apply → verify. Emits events, returns a Report.

Two round trips on a host that needs nothing: facts, then the probes of all its resources. A third for each
stretch of changes, which ends by probing again what it changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from provision.cluster.addresses import choose
from provision.cluster.cluster import Cluster, Node
from provision.core import events
from provision.core.errors import Cancelled, HostError, ProvisionError, ScriptFailed, Unreachable
from provision.core.events import Listener
from provision.core.finding import Finding, Known, blocker, sorted_findings
from provision.core.outcome import Ended, endpoints, told
from provision.core.plan import Mode, Plan, findings_of, make_plan
from provision.core.playbook import Playbook, Step
from provision.core.report import HostReport, Phase, Report
from provision.core.resource import State
from provision.core.secret import Secret
from provision.engine.apply import Applier, failure
from provision.engine.inquirer import Inquirer
from provision.engine.prover import Prover
from provision.engine.rollout import Carrier
from provision.environment.lockfile import Lock
from provision.facts import Facts, facts_script, read_facts
from provision.inventory.models import Host, Inventory
from provision.transport import Session, Transport
from provision.transport.reach import closed
from provision.weights.files import ModelFiles
from provision.weights.source import folder_of

#: sshd's own work is the floor of a run; more threads than this only cost memory (docs/speed.md).
POOL = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What a run is asked to do. `apply`: whether it changes anything. `only`: names of the hosts to contact,
    empty for all. `areas`: what of provision.core.finding.AREAS to look at, empty for all; `deep`: however long that
    takes. `skip`: names of proofs to leave out. `prove`: go through the proofs although nothing is changed.
    `model`: what the controller has seen of the model; called with whether a host has it."""

    command: str
    mode: Mode
    apply: bool
    inventory: Inventory
    playbook: Callable[[Cluster], Playbook]
    lock: Lock
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    sudo_password: Secret | None = None
    only: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    deep: bool = False
    skip: tuple[str, ...] = ()
    prove: bool = False
    model: Callable[[bool], ModelFiles] | None = None


class Run:
    """State of one run, for one thread to drive; `execute` is called once."""

    def __init__(self, job: Job, listener: Listener, cancel: threading.Event) -> None:
        self._job = job
        self._emit = _one_at_a_time(listener)
        self._cancel = cancel
        self._began = time.monotonic()
        self._errors: dict[str, list[ProvisionError]] = {}
        self._last: dict[str, float] = {}
        self._phases: list[Phase] = []
        self._sessions: dict[str, Session] = {}
        self._hosts = tuple(h for h in job.inventory.hosts if not job.only or h.name in job.only)

    def execute(self) -> Report:
        job = self._job
        names = tuple(h.name for h in self._hosts)
        self._emit(events.RunStarted("", job.command, job.inventory.cluster, names))
        redact = [*job.secrets.values()]
        with Transport(
            self._hosts, sudo_password=job.sudo_password, redact=redact, cancel=self._cancel
        ) as self._transport:
            with ThreadPoolExecutor(max_workers=min(POOL, max(1, len(self._hosts)))) as self._pool:
                facts = self._on_each(self._hosts, self._read_facts)
                self._phases.append(Phase("facts", time.monotonic() - self._began))
                chosen = choose(job.inventory.hosts, facts, names)
                nodes = tuple(Node(h, facts.get(h.name), chosen[h.name]) for h in job.inventory.hosts)
                model = job.model(_there(facts)) if job.model else None
                book = job.playbook(Cluster(job.inventory, nodes, job.lock, job.secrets, job.deep, model))
                if job.areas:
                    book = _narrowed(book, job.areas)
                for host, text in book.notes:
                    self._emit(events.Note(host, text))
                began = time.monotonic()
                observed = self._observe(book, set(facts))
                self._phases.append(Phase("looking", time.monotonic() - began))
                known = _known(book, observed)
                book.findings += _reviewed(book, known, job.areas)
                blockers = [b for b in book.blockers if not b.host or b.host in names]
                plan = make_plan(job.mode, book.steps, observed, blockers + self._unreachable_blockers())
                self._emit(events.Planned("", plan))
                done: frozenset[str] = frozenset()
                prover = Prover(self._transport, [host for host in self._hosts if host.name in facts], self._emit)
                carrier = Carrier(prover, self._emit, self._cancel, job.skip)
                if job.apply and not plan.blockers and not self._cancel.is_set():
                    applier = Applier(self._transport, self._pool, self._hosts, self._emit, self._cancel)
                    done = carrier.carry_out(plan, book.proofs, applier)
                    self._last |= applier.ended
                    if not job.mode.removes and not self._cancel.is_set():
                        Inquirer(prover, self._emit).explain(applier.failed, book.inquiries)
                    for error in (*applier.errors, *carrier.blocks):
                        self._errors.setdefault(error.host, []).append(error)
                elif job.prove and not self._cancel.is_set():
                    carrier.prove([placed.proof for placed in book.proofs])
            self._phases += carrier.phases
            if done:
                known = _known(book, {**observed, **applier.states})
            for shown in carrier.shown:
                book.findings += shown.findings
                for host, cells in shown.known.items():
                    known[host] = (*known.get(host, ()), *cells)
            return self._report(plan, done, book, known)

    def _read_facts(self, host: Host) -> Facts:
        began = time.monotonic()
        self._emit(events.Doing(host.name, "connecting", passing=True))
        session = self._transport.connect(host)
        self._sessions[host.name] = session
        self._emit(events.Connected(host.name, time.monotonic() - began))
        self._emit(events.Doing(host.name, "reading facts", passing=True))
        head = self._job.inventory.head
        script = facts_script(head=head.node_ip or head.address, root=host.base, model=self._model_folder(host))
        asked_at = time.time()
        (fragment,) = session.run([script])
        if not fragment.ok:
            raise ScriptFailed(host.name, "the facts could not be read", evidence=fragment.tail())
        return read_facts(fragment.stdout, asked_at=asked_at, answered_at=time.time())

    def _model_folder(self, host: Host) -> str:
        serve = self._job.inventory.serve
        return folder_of(serve, host.base) if serve is not None else ""

    def _observe(self, book: Playbook, reached: set[str]) -> dict[str, State]:
        """What every probe saw, by step. A probe that fails leaves its step out and is an error of its host."""
        by_host: dict[str, list[Step]] = {}
        for step in book.steps:
            by_host.setdefault(step.host, []).append(step)
        hosts = [h for h in self._hosts if h.name in reached and h.name in by_host]

        def observe(host: Host) -> dict[str, State]:
            self._emit(events.Doing(host.name, "looking", passing=True))
            steps = by_host[host.name]
            probes = [replace(s.resource.probe(), optional=True) for s in steps]
            fragments = self._transport.connect(host).run(probes)
            states: dict[str, State] = {}
            for step, fragment in zip(steps, fragments, strict=True):
                if fragment.ok:
                    states[step.key] = step.resource.read(fragment)
                else:
                    message = f"{step.resource.label} could not be looked at (exit code {fragment.rc})"
                    self._fail(ScriptFailed(host.name, message, evidence=fragment.tail()), step.key)
            return states

        states: dict[str, State] = {}
        for found in self._on_each(hosts, observe).values():
            states |= found
        return states

    def _on_each(self, hosts: Sequence[Host], work: Callable[[Host], T]) -> dict[str, T]:
        """`work` on all hosts at once; a host that fails is recorded and left out, the others go on."""

        def guarded(host: Host) -> tuple[Host, T | None]:
            try:
                return host, work(host)
            except HostError as error:
                self._fail(error)
            except Cancelled as error:
                self._errors.setdefault(host.name, []).append(error)
            finally:
                self._last[host.name] = time.monotonic()
            return host, None

        found = {}
        for host, result in self._pool.map(guarded, hosts):
            if result is not None:
                found[host.name] = result
        return found

    def _fail(self, error: HostError, step: str = "") -> None:
        self._errors.setdefault(error.host, []).append(error)
        self._emit(failure(error, step))

    def _unreachable_blockers(self) -> list[Finding]:
        """`up` changes nothing while a host is out of reach, or could not be looked at: the cluster would
        not come up without it."""
        if not self._job.apply or self._job.mode is not Mode.UP:
            return []
        hint = "mend that first, or leave the host out with --limit"
        return [
            blocker(name, f"nothing was changed on any host, because of {name}", hint=hint) for name in self._errors
        ]

    def _report(
        self, plan: Plan, done: frozenset[str], book: Playbook, known: Mapping[str, tuple[Known, ...]]
    ) -> Report:
        names = tuple(h.name for h in self._hosts)
        judged = [f for f in book.findings if not f.host or f.host in names]
        left = replace(plan, changes=tuple(c for c in plan.changes if c.step.key not in done))
        findings = sorted_findings(book.sift([*findings_of(left), *judged]), names)
        reports = tuple(self._host_report(host, plan, done, findings) for host in self._hosts)
        for report in reports:
            self._emit(events.HostDone(report.name, report.status, len(report.changes), report.seconds))
        code = self._exit_code(plan, findings)
        seconds = time.monotonic() - self._began
        self._emit(events.RunDone("", code, seconds))
        return Report(
            command=self._job.command,
            mode=self._job.mode,
            plan=plan,
            hosts=reports,
            errors=tuple(e for errors in self._errors.values() for e in errors),
            findings=() if self._job.mode.removes else findings,
            known=known,
            outcome=self._outcome(book, known) if self._job.command == "up" and code == 0 else (),
            sizing=book.sizing,
            seconds=seconds,
            phases=tuple(self._phases),
            exit_code=code,
        )

    def _outcome(self, book: Playbook, known: Mapping[str, tuple[Known, ...]]) -> tuple[str, ...]:
        return told(book.outcome, Ended(known, closed(endpoints(book.outcome))))

    def _host_report(self, host: Host, plan: Plan, done: frozenset[str], findings: Sequence[Finding]) -> HostReport:
        errors = tuple(self._errors.get(host.name, ()))
        planned = [c for c in plan.changes if c.step.host == host.name]
        changed = [c for c in planned if c.step.key in done] if self._job.apply else planned
        if any(isinstance(e, Unreachable) for e in errors):
            status = "unreachable"
        elif errors:
            status = "failed"
        elif any(b.host in (host.name, "") for b in plan.blockers):
            status = "blocked"
        elif self._job.apply and len(changed) < len(planned):
            status = "skipped"
        elif planned:
            status = "changed" if self._job.apply else "drift"
        elif self._job.command == "check" and any(f.severity.counts and f.host == host.name for f in findings):
            status = "drift"
        else:
            status = "ok"
        session = self._sessions.get(host.name)
        connections, commands = (session.connections, session.commands) if session else (0, 0)
        labels = tuple(c.step.resource.label for c in changed)
        return HostReport(host.name, status, labels, errors, self._seconds(host), connections, commands)

    def _seconds(self, host: Host) -> float:
        return max(0.0, self._last.get(host.name, self._began) - self._began)

    def _exit_code(self, plan: Plan, findings: Sequence[Finding]) -> int:
        errors = [e for errors in self._errors.values() for e in errors]
        if any(isinstance(e, Unreachable) for e in errors):
            return 4
        if errors or self._cancel.is_set():
            return 1
        if self._job.apply:
            return 1 if plan.blockers else 0
        if self._job.command == "check":
            return 3 if any(f.severity.counts for f in findings) else 0
        # With a lock that no longer fits, what `up` would do is known once it has made another.
        return 0 if plan.empty and not self._job.lock.stale else 3


def _there(facts: Mapping[str, Facts]) -> bool:
    return any(known.model is not None and known.model.config for known in facts.values())


def _narrowed(book: Playbook, areas: Sequence[str]) -> Playbook:
    """What of a playbook concerns `areas`: good for looking, not for doing."""
    steps = [step for step in book.steps if step.resource.area in areas]
    findings = [finding for finding in book.findings if finding.area in areas]
    known = {host: tuple(k for k in cells if k.area in areas) for host, cells in book.known.items()}
    return replace(book, steps=steps, findings=findings, known=known)


def _reviewed(book: Playbook, known: Mapping[str, tuple[Known, ...]], areas: Sequence[str]) -> list[Finding]:
    return [f for review in book.reviews for f in review(known) if not areas or f.area in areas]


def _known(book: Playbook, states: Mapping[str, State]) -> dict[str, tuple[Known, ...]]:
    """Host → what is known of it, from its facts and from its resources."""
    known = dict(book.known)
    for step in book.steps:
        if step.key in states:
            known[step.host] = (*known.get(step.host, ()), *step.resource.known(states[step.key]))
    return known


def _one_at_a_time(listener: Listener) -> Listener:
    """Events come from several threads; whoever listens need not care."""
    lock = threading.Lock()

    def listen(event: events.Event) -> None:
        with lock:
            listener(event)

    return listen
