"""The logs of all hosts together: read once, or followed for as long as anybody listens. Writes nothing on a host."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from queue import Empty, SimpleQueue

from provision.cluster.gather import Fleet
from provision.core.errors import Cancelled, ProvisionError, ScriptFailed
from provision.core.script import Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Host, Inventory
from provision.operate.asking import asking, errors_of, place_of
from provision.operate.log_lines import Filter, HostReader, LogFile, LogLine, in_order
from provision.payload.bundle import shell
from provision.resources.kept_token import token_question, token_secrets
from provision.resources.service import LIBRARY

SERVICES = ("ray", "vllm", "sllm", "sllm-store")

#: How many of them run on one host, at most: Ray, and what is started on it.
_ON_ONE = 2

#: Bytes that are read of all logs together, and at least and at most of one of them.
_ALL, _LEAST, _MOST = 32 * 2**20, 64 * 2**10, 8 * 2**20

#: Seconds for the logs of a host to be read, and for which lines of several hosts are put in order while following.
_PATIENCE, _TOGETHER = 120.0, 0.3

#: How many logs Ray's own processes have, at most.
_OF_RAY = 20


@dataclass(frozen=True)
class LogsAsked:
    """`services`: whose logs; `ray`: also those of Ray's own processes; `kernel`: what the kernel said. `lines`: the
    last ones of each log, None for as many as there is room for."""

    services: tuple[str, ...] = SERVICES
    ray: bool = False
    kernel: bool = False
    lines: int | None = 100
    only: Filter = field(default_factory=Filter)


@dataclass(frozen=True)
class Logs:
    """`files`: what was read; `errors`: of hosts that could not be asked."""

    lines: tuple[LogLine, ...]
    files: tuple[LogFile, ...]
    errors: tuple[ProvisionError, ...]


def logs(
    inventory: Inventory,
    asked: LogsAsked | None = None,
    *,
    limit: Sequence[str] = (),
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Logs:
    """The logs of the hosts, in the order in which their lines were written, by the controller's clock. Secrets are
    masked. `limit`: names of the hosts to ask, none for all. Raises Cancelled."""
    wanted = asked or LogsAsked()
    with asking(inventory, limit, cancel, sudo_password) as fleet:

        def read(host: Host) -> tuple[HostReader, list[LogLine]]:
            reader = HostReader(host.name, _met(fleet, inventory, host))
            found: list[LogLine] = []
            script = _script(inventory, host, wanted, len(fleet.hosts), follow=False)
            (said,) = fleet.transport.connect(host).run([script])
            if not said.ok:
                raise ScriptFailed(host.name, "its logs could not be read", evidence=said.tail())
            for raw in said.stdout.split("\n"):
                if line := reader.read(raw):
                    found.append(line)
            return reader, found

        answers = fleet.on_each(fleet.hosts, read)
        errors = errors_of(fleet)
    lines = in_order(
        [reader for reader, _ in answers.values()], (line for _, found in answers.values() for line in found)
    )
    files = tuple(file for reader, _ in answers.values() for file in reader.files)
    return Logs(tuple(line for line in lines if wanted.only.takes(line)), files, errors)


def follow(
    inventory: Inventory,
    asked: LogsAsked,
    heard: Callable[[Sequence[LogLine]], None],
    *,
    cancel: threading.Event,
    limit: Sequence[str] = (),
    sudo_password: Secret | None = None,
    failed: Callable[[ProvisionError], None] = lambda _: None,
) -> None:
    """Hands on what is written to the logs, until `cancel` is set or no host is left to follow. `failed` is told of
    each host that is lost, once."""
    queue: SimpleQueue[LogLine] = SimpleQueue()
    with asking(inventory, limit, cancel, sudo_password) as fleet:

        def listen(host: Host) -> None:
            reader = HostReader(host.name, _met(fleet, inventory, host))

            def take(_: int, stream: str, raw: str) -> None:
                line = reader.read(raw) if stream == "stdout" else None
                if line is not None and asked.only.takes(line):
                    queue.put(line)

            script = _script(inventory, host, asked, len(fleet.hosts), follow=True)
            (said,) = fleet.transport.connect(host).run([script], on_line=take)
            if not said.ok:
                raise ScriptFailed(host.name, "its logs could not be followed", evidence=said.tail())

        listening = threading.Thread(target=fleet.on_each, args=(fleet.hosts, listen), name="logs", daemon=True)
        listening.start()
        told = 0
        while True:
            over = not listening.is_alive()
            if lines := _waiting(queue):
                heard(sorted(lines, key=lambda line: line.order or time.time()))
            lost = [error for error in fleet.all_errors if not isinstance(error, Cancelled)]
            for error in lost[told:]:
                failed(error)
            told = len(lost)
            if over:
                return


def _waiting(queue: SimpleQueue[LogLine]) -> list[LogLine]:
    """What comes within the time in which hosts are put in order."""
    found: list[LogLine] = []
    until = time.monotonic() + _TOGETHER
    while (left := until - time.monotonic()) > 0 and len(found) < 10_000:
        try:
            found.append(queue.get(timeout=left))
        except Empty:
            break
    return found


def _met(fleet: Fleet, inventory: Inventory, host: Host) -> float:
    """How far its clock is ahead of ours, as far as that is certain. Its token is masked from now on."""
    heard: list[tuple[float, float]] = []

    def listen(index: int, _: str, line: str) -> None:
        if index == 0 and line.replace(".", "", 1).isdigit():
            heard.append((float(line), time.time()))

    session = fleet.transport.connect(host)
    began = time.time()
    question = token_question(inventory.cluster, host.name, host.base, None)
    _, said = session.run([Script("date +%s.%N", optional=True), question], on_line=listen)
    fleet.transport.learn(token_secrets(said))
    clock, at = heard[0] if heard else (began, began)
    return clock - min(max(clock, began), at)


def _script(inventory: Inventory, host: Host, asked: LogsAsked, hosts: int, *, follow: bool) -> Script:
    count = min(len(asked.services), _ON_ONE) + (_OF_RAY if asked.ray else 0) + asked.kernel
    room = max(_LEAST, min(_MOST, _ALL // max(1, hosts * count)))
    variables: dict[str, Value] = {
        **place_of(inventory, host),
        **{"services": " ".join(asked.services), "ray": "yes" if asked.ray else ""},
        **{"kernel": "yes" if asked.kernel else "", "follow": "yes" if follow else "", "bytes": room},
        "lines": "" if asked.lines is None else asked.lines,
    }
    body = shell("files/trust.sh", "files/rights.sh", *LIBRARY, "logs/read.sh")
    return Script(body, variables, timeout=math.inf if follow else _PATIENCE)
