"""The model's API and Ray's dashboard at ports of this machine, whatever lies between it and the head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field

from provision.core.errors import UsageError
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.inventory.secrets import read_sudo_password
from provision.resources.kept_token import read_token, token_question
from provision.serving.running import find_running
from provision.transport import Transport
from provision.transport.connect import Opener
from provision.transport.forward import Door, forwarded


@dataclass(frozen=True)
class Tunnel:
    """`base_url`: of the API, for clients of OpenAI's; empty if no model is served. `dashboard`: empty if Ray has none.
    `token`: what the dashboard asks for, if it was asked for."""

    base_url: str
    model: str
    dashboard: str
    token: str = field(default="", repr=False)


@contextmanager
def tunnel(
    inventory: Inventory,
    *,
    port: int = 0,
    token: bool = False,
    cancel: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
    sudo_password: Secret | None = None,
) -> Iterator[Tunnel]:
    """Stays for as long as the context does; a connection that breaks is opened anew, and `say` is told. `port`: of
    this machine, 0 for that of the server, or any if that is taken. Raises NotServing, UsageError, Unreachable's
    subclasses."""
    stop = cancel or threading.Event()
    head = inventory.head
    dashboard = head.ray.dashboard and (inventory.serve is None or inventory.serve.backend != "mp")
    if inventory.serverlessllm is not None and not dashboard:
        port_there = inventory.serverlessllm.port
        by_hand = f"ssh -N -L {port_there}:{head.node_ip or head.address}:{port_there} {head.address}"
        raise UsageError("there is no tunnel to ServerlessLLM's API yet", hint=by_hand)
    if inventory.serve is None and not dashboard:
        raise UsageError("there is neither a model nor a dashboard", hint="add `serve`, or `ray: {dashboard: true}`")
    doors, scheme, model, held = [], "http", "", ""
    password = sudo_password or read_sudo_password(inventory)
    with Transport([head], sudo_password=password, cancel=stop, inventory=inventory.path) as transport:
        session = transport.connect(head)
        if inventory.serve is not None:
            running = find_running(session, inventory)
            scheme, model = running.url.partition("://")[0], running.model
            doors.append(Door((running.address, running.port), port or running.port, insists=bool(port)))
        if token:
            (said,) = session.run([token_question(inventory.cluster, head.name, head.base, None)])
            held = read_token(said).token
    if dashboard:
        doors.append(Door(("127.0.0.1", head.ray.dashboard_port), head.ray.dashboard_port))
    opener = Opener(stop, inventory=inventory.path)
    with forwarded(opener, opener.target(head), doors, stop, say) as ports:
        yield Tunnel(
            f"{scheme}://127.0.0.1:{ports[0]}/v1" if inventory.serve is not None else "",
            model,
            f"http://127.0.0.1:{ports[-1]}" if dashboard else "",
            held,
        )
