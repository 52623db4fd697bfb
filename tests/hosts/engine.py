"""The engine on real hosts, with a playbook that a test writes as a function, without inventory file or lock."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from provision.cluster.cluster import Cluster
from provision.core.events import Event
from provision.core.plan import Change, Mode
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.engine.members import Members
from provision.engine.run import Run
from provision.engine.state import Job
from provision.environment.lockfile import Lock
from provision.inventory.models import Host, Inventory
from provision.inventory.transfers import Transfers

NO_LOCK = Lock(Path("none.lock"), "", "3.11", "x86_64-manylinux_2_34", {}, {}, "unlocked")


@dataclass
class Hosts:
    """`hosts`, the first of them the head, and what runs on them said and returned. `remembers`: who was a member, as
    the command line does."""

    hosts: Sequence[Host]
    cluster: str = "here"
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    remembers: bool = False
    spares: int = 0
    transfer: Transfers = field(default_factory=Transfers)

    def run(
        self,
        command: str,
        book: Callable[[Cluster], Playbook],
        *,
        only: Sequence[str] = (),
        cancel: threading.Event | None = None,
        listener: Callable[[Event], None] | None = None,
        skip: Sequence[str] = (),
        prove: bool = False,
    ) -> Report:
        """`command`: up, plan, check, down or purge. `skip`, `prove`: as of a Job."""
        head, *others = self.hosts
        hosts = (head.model_copy(update={"role": "head"}), *others)
        mode = {"up": Mode.UP, "down": Mode.DOWN, "purge": Mode.PURGE}.get(command, Mode.CHECK)
        inventory = Inventory(
            path=Path("inventory.yaml"),
            cluster=self.cluster,
            hosts=hosts,
            spares=self.spares,
            transfer=self.transfer,
        )
        job = Job(
            command=command,
            mode=mode,
            apply=mode is not Mode.CHECK,
            inventory=inventory,
            playbook=book,
            lock=NO_LOCK,
            secrets=self.secrets,
            only=tuple(only),
            skip=tuple(skip),
            prove=prove,
        )
        if self.remembers:
            job = replace(job, members=Members.of(job.inventory))
        self.events = []
        return Run(job, listener or self.events.append, cancel or threading.Event()).execute()


@dataclass
class OneHost:
    """Resources on one host, step by step. Every method ends with the run's report."""

    host: Host

    def _run(self, command: str, resources: Sequence[Resource]) -> Report:
        def book(cluster: Cluster) -> Playbook:
            made = Playbook()
            for resource in resources:
                made.add(resource, on=self.host.name)
            return made

        return Hosts([self.host]).run(command, book)

    def up(self, *resources: Resource) -> Report:
        return self._run("up", resources)

    def check(self, *resources: Resource) -> Report:
        return self._run("check", resources)

    def purge(self, *resources: Resource) -> Report:
        return self._run("purge", resources)

    def down(self, *resources: Resource) -> Report:
        return self._run("down", resources)


def changes(report: Report) -> int:
    """How many changes were made, or would be."""
    return sum(len(host.changes) for host in report.hosts)


def planned(report: Report) -> tuple[Change, ...]:
    assert report.plan is not None
    return report.plan.changes


def differences(report: Report) -> list[str]:
    """What a plan found, in the words that a person reads."""
    return [str(difference) for change in planned(report) for difference in change.differences]


def written(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """When `folder` and anything below it was last changed, in content, name or mode."""
    stats = [(path, path.lstat()) for path in (folder, *sorted(folder.rglob("*")))]
    return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats}
