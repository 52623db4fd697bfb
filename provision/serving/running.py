"""The server that the cluster has running, as its stamp on the head says: what is asked is that one and no other."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from provision.cluster.cluster import is_loopback
from provision.core.errors import HostError, ScriptFailed
from provision.core.mark import Mark
from provision.core.script import Fragment, Script
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.inventory.models import Host, Inventory
from provision.payload.bundle import shell
from provision.transport import Session


class NotServing(HostError):
    """There is nothing to ask: the server is not there, or not ready."""


@dataclass(frozen=True)
class Running:
    """`python`: the folder of its environment on the head. `degrees`: tensor and pipeline parallel, as it was started.
    `flags`: all flags, with their dashes. `mark`, `pid`, `user`: of its processes, of the first one, and whom it runs
    as, if that is not who looks; `home`: where that user's caches are. `certificate`: what it shows, by its SHA-256.
    `plain`: a Python there for what needs nothing but Python's own."""

    url: str
    model: str
    source: str
    python: str
    flags: Mapping[str, str]
    mark: str = ""
    pid: str = ""
    user: str = ""
    home: str = ""
    certificate: str = ""
    plain: str = ""

    @property
    def address(self) -> str:
        return self.url.partition("://")[2].rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def only_there(self, head: Host) -> bool:
        """Whether it listens on the head's own loopback, and this machine is another one."""
        return is_loopback(self.address) and not is_loopback(head.address)


_LOOK = (
    "files/trust.sh",
    "files/rights.sh",
    "users.sh",
    "service/library.sh",
    "service/secrets.sh",
    "listener.sh",
    "vllm/running.sh",
    "service/unit_file.sh",
    "service/unit_kept.sh",
    "service/boot.sh",
    "service/probe.sh",
    "vllm/whose.sh",
)


def find_running(session: Session, inventory: Inventory) -> Running:
    """One round trip to the head. Raises NotServing, ScriptFailed, and what a session raises."""
    head = inventory.head
    mark = str(Mark(inventory.cluster, head.name, "vllm"))
    variables = {"root": head.base, "cluster": inventory.cluster, "host": head.name, "mark": mark, "runtimes": ""}
    (fragment,) = session.run([Script(shell(*_LOOK), variables)])
    return read_running(fragment, inventory)


def read_running(fragment: Fragment, inventory: Inventory) -> Running:
    """Raises NotServing, ScriptFailed."""
    head = inventory.head
    up = f"provision up {shlex.quote(str(inventory.path))}"
    if not fragment.ok:
        raise ScriptFailed(head.name, "the services on this host could not be probed", evidence=fragment.tail())
    lines = (line.partition("=") for line in fragment.stdout.splitlines())
    stamp = {key: value for key, _, value in lines}
    if stamp.get("running") != "yes":
        why = stamp.get("running", "").removeprefix("no: ")
        raise NotServing(head.name, f"no model is served here{f': {why}' if why else ''}", hint=up)
    if "ready" not in stamp:
        raise NotServing(head.name, "the model is still loading, or its `up` was interrupted while it was", hint=up)
    flags = {key: value for key, value in stamp.items() if key.startswith("--")}
    address = flags["--host"]
    if address in ("0.0.0.0", "::"):
        address = stamp.get("$VLLM_HOST_IP", head.address)
    if stamp.get("listener") != "ours":
        message = (
            f"port {flags['--port']} is not held by the server that `up` has started: the API key is not shown there"
        )
        raise NotServing(head.name, message, hint="provision check")
    source = stamp["model"]
    scheme = "https" if "--ssl-certfile" in flags else "http"
    return Running(
        f"{scheme}://{bracketed(address)}:{flags['--port']}",
        flags.get("--served-model-name", source),
        source,
        stamp["python"],
        flags,
        str(Mark(inventory.cluster, head.name, "vllm")),
        stamp["pid"],
        stamp.get("user", ""),
        stamp.get("$HOME", ""),
        stamp.get("certificate", "") if scheme == "https" else "",
        stamp.get("plain") or f"{stamp['python']}/bin/python",
    )
