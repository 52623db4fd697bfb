"""What the hosts say of themselves, asked of all at once: connecting to them, their facts, and the cluster of both.

This is the one module of the room that contacts hosts. A run begins with it; a command that only asks needs no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from provision.cluster.addresses import choose
from provision.cluster.cluster import Cluster, Node
from provision.core import events
from provision.core.errors import Cancelled, HostError, ProvisionError, ScriptFailed, Unreachable
from provision.core.events import Listener, silent
from provision.core.kept import KeptOnHosts
from provision.core.lease import Answer, Claim, read_answer
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.stopwatch import Stopwatch
from provision.core.values import dataclass
from provision.environment.lockfile import no_lock
from provision.facts import Facts, facts_script, read_facts
from provision.facts.questions import in_one, out_of_one
from provision.inventory.models import Host, Inventory
from provision.transport import Session, Transport
from provision.transport.connect import Opener
from provision.transport.lease import looking
from provision.weights.here import sent_to
from provision.weights.source import folder_of

#: sshd's own work is the floor of a run; more threads than this only cost memory (docs/speed.md).
POOL = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Fleet:
    """The hosts that are contacted, and what came of it so far. By host: `errors`; `ended`, when it was last worked on
    (monotonic seconds); `sessions`; `held`, its answer about the secrets that live with the cluster; `leases`, who has
    its lease."""

    hosts: tuple[Host, ...]
    transport: Transport
    pool: ThreadPoolExecutor
    emit: Listener
    errors: dict[str, list[ProvisionError]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    held: dict[str, Fragment] = field(default_factory=dict, repr=False)
    leases: dict[str, Answer] = field(default_factory=dict)
    inventory: Path | None = None
    watch: Stopwatch = field(default_factory=Stopwatch, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts)

    @property
    def all_errors(self) -> tuple[ProvisionError, ...]:
        return tuple(error for errors in self.errors.values() for error in errors)

    def on_each(
        self, hosts: Sequence[Host], work: Callable[[Host], T], meanwhile: Callable[[], object] | None = None
    ) -> dict[str, T]:
        """`work` on these hosts at once; a host that fails is recorded and left out, the others go on. `meanwhile`:
        called once they have begun. A mistake of ours is raised, and hosts that have not begun are left alone."""

        def guarded(host: Host) -> tuple[Host, T | None]:
            try:
                return host, work(host)
            except HostError as error:
                self.fail(self.transport.aftermath(host, error))
            except Cancelled as error:
                self.record(host.name, error)
            finally:
                self.ended[host.name] = time.monotonic()
            return host, None

        every = [self.pool.submit(guarded, host) for host in hosts]
        try:
            if meanwhile is not None:
                meanwhile()
            done = [one.result() for one in every]
        except BaseException:
            for one in every:
                one.cancel()
            raise
        return {host.name: found for host, found in done if found is not None}

    def fail(self, error: HostError, step: str = "") -> None:
        """Records it, and tells the listener."""
        self.record(error.host, error)
        self.emit(events.failed(error, step))

    def record(self, host: str, error: ProvisionError) -> None:
        self.errors.setdefault(host, []).append(error)


@contextmanager
def fleet_of(
    hosts: Sequence[Host],
    emit: Listener,
    *,
    sudo_password: Secret | None = None,
    redact: Sequence[Secret] = (),
    cancel: threading.Event | None = None,
    inventory: Path | None = None,
    watch: Stopwatch | None = None,
    rate: float = 0,
) -> Iterator[Fleet]:
    """Nothing is connected to yet; what is, is closed in the end. Arguments as of Transport."""
    with (
        Transport(
            hosts, sudo_password=sudo_password, redact=redact, cancel=cancel, inventory=inventory, rate=rate
        ) as transport,
        ThreadPoolExecutor(max_workers=min(POOL, max(1, len(hosts)))) as pool,
    ):
        yield Fleet(tuple(hosts), transport, pool, emit, inventory=inventory, watch=watch or Stopwatch())


def gather_facts(
    fleet: Fleet,
    inventory: Inventory,
    questions: Mapping[str, Script] = MappingProxyType({}),
    kept: KeptOnHosts | None = None,
    claim: Claim | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> dict[str, Facts]:
    """Connects to each host and reads its facts: the first round trip. Those that fail are in `fleet.errors`.
    `questions`: what else is asked, by fact; one that cannot be answered is left out (`Facts.printed`). `kept`: secrets
    to ask for, too (`Fleet.held`), once more where the answers leave something open. `claim`: takes the lease of each
    host; without one it is only asked who has it (`Fleet.leases`). `meanwhile`: called while they are asked."""

    def asked(host: Host) -> Facts:
        with fleet.watch.part("facts", "facts", host.name):
            return _facts_of(fleet, inventory, host, questions, kept, claim)

    facts = fleet.on_each(fleet.hosts, asked, meanwhile)
    if kept and kept.unsettled(fleet.held):
        _ask_again(fleet, kept)
    return facts


def _ask_again(fleet: Fleet, kept: KeptOnHosts) -> None:
    """A further round trip, where what the hosts have differs."""
    fleet.watch.all_waited()

    def asked(host: Host) -> Fragment:
        question = replace(kept.whole_question(host.name, host.base), optional=True, whole=True)
        with fleet.watch.part("facts", "facts", host.name):
            (said,) = fleet.sessions[host.name].run([question])
        return said

    fleet.held.update(fleet.on_each([host for host in fleet.hosts if host.name in fleet.held], asked))


def nodes_of(inventory: Inventory, facts: Mapping[str, Facts], asked: Sequence[str]) -> tuple[Node, ...]:
    """All hosts of the inventory with what is known of them. `asked`: names of those that were contacted."""
    chosen = choose(inventory.hosts, facts, asked)
    return tuple(Node(host, facts.get(host.name), chosen[host.name]) for host in inventory.hosts)


def holds_model(facts: Mapping[str, Facts]) -> bool:
    """Whether a host has the model's config already."""
    return any(known.model is not None and known.model.config for known in facts.values())


def ask(inventory: Inventory, *, sudo_password: Secret | None = None, cancel: threading.Event | None = None) -> Cluster:
    """The inventory joined with the facts of all hosts. Raises the error of a host that could not be asked."""
    with fleet_of(
        inventory.hosts, silent, sudo_password=sudo_password, cancel=cancel, inventory=inventory.path
    ) as fleet:
        facts = gather_facts(fleet, inventory)
    for error in sorted(fleet.all_errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
    nodes = nodes_of(inventory, facts, fleet.names)
    for node in nodes:
        if node.chosen is not None and node.chosen.problem:
            raise HostError(node.name, node.chosen.problem, evidence=node.chosen.evidence, hint=node.chosen.hint)
    return Cluster(inventory, nodes, no_lock(inventory.python, inventory.lock_path), {})


def answers(
    inventory: Inventory,
    scripts: Mapping[str, Script],
    *,
    sudo_password: Secret | None = None,
    cancel: threading.Event | None = None,
) -> dict[str, Fragment]:
    """By host, what its script has printed. Raises the error of a host that could not be asked, or whose script
    failed."""

    def run(host: Host) -> Fragment:
        (said,) = fleet.transport.connect(host).run([scripts[host.name]])
        if not said.ok:
            raise ScriptFailed(host.name, "its question could not be answered", evidence=said.tail())
        return said

    hosts = [host for host in inventory.hosts if host.name in scripts]
    with fleet_of(hosts, silent, sudo_password=sudo_password, cancel=cancel, inventory=inventory.path) as fleet:
        found = fleet.on_each(hosts, run)
    for error in sorted(fleet.all_errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
    return found


def addressed(inventory: Inventory, password: Callable[[], Secret | None], cancel: threading.Event | None) -> Cluster:
    """With the address of every host: from the inventory if it has them all, else asked for. Raises as `ask`."""
    if all(host.node_ip for host in inventory.hosts):
        return unasked(inventory)
    return ask(inventory, sudo_password=password(), cancel=cancel)


def unasked(inventory: Inventory) -> Cluster:
    """The inventory without the facts of any host."""
    nodes = tuple(Node(host, None) for host in inventory.hosts)
    return Cluster(inventory, nodes, no_lock(inventory.python, inventory.lock_path), {})


def ssh_ports(inventory: Inventory) -> Mapping[str, int]:
    """Host → the port that SSH goes to: as the inventory says, or ssh_config. Raises OSError, Unreachable."""
    opener = Opener(threading.Event())
    return {host.name: opener.target(host).port for host in inventory.hosts}


def _facts_of(
    fleet: Fleet,
    inventory: Inventory,
    host: Host,
    questions: Mapping[str, Script],
    kept: KeptOnHosts | None,
    claim: Claim | None,
) -> Facts:
    began = time.monotonic()
    fleet.emit(events.Doing(host.name, "connecting", passing=True))
    session = fleet.transport.connect(host)
    fleet.sessions[host.name] = session
    fleet.emit(events.Connected(host.name, time.monotonic() - began))
    fleet.emit(events.Doing(host.name, "reading facts", passing=True))
    head, serve = inventory.head, inventory.serve
    model = folder_of(serve, host.base) if serve is not None else ""
    script = facts_script(
        head=head.node_ip or head.address,
        root=host.base,
        model=model,
        sent=sent_to(serve, host.base) if serve is not None else "",
        run_as=host.services_user,
    )
    asked_at, began = time.time(), time.monotonic()
    short = {fact: question for fact, question in questions.items() if not question.vars}
    own = {fact: question for fact, question in questions.items() if fact not in short}
    asked = [*([in_one(short)] if short else []), *own.values()]
    asked += [kept.question(host.name, host.base)] if kept else []
    scripts = [script, *(replace(question, optional=True, whole=True) for question in asked)]
    if claim is None:
        fragment, *others, looked = session.run([*scripts, looking()])
        fleet.leases.update({host.name: answer} if (answer := read_answer(looked.stdout)) else {})
    elif session.lease is None:
        fleet.leases[host.name], (fragment, *others) = session.hold(claim, scripts)
    else:
        fragment, *others = session.run(scripts)
    if not fragment.ok:
        raise ScriptFailed(host.name, "the facts could not be read", evidence=fragment.tail())
    if kept:
        fleet.held[host.name] = others.pop()
    printed = _answers(host, short, others.pop(0)) if short else {}
    facts = read_facts(fragment.stdout, asked_at=asked_at, answered_at=asked_at + time.monotonic() - began)
    printed |= {fact: said.stdout for fact, said in zip(own, others, strict=True) if said.ok and said.stdout}
    return replace(facts, printed=printed)


def _answers(host: Host, questions: Mapping[str, Script], said: Fragment) -> dict[str, str]:
    try:
        return out_of_one(questions, said.stdout)
    except ValueError as error:
        raise ScriptFailed(host.name, str(error), evidence=said.tail()) from error
