"""`serve.tls`: the certificate of the API, in a playbook: the server's file, what it is called, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from provision.cluster.cluster import Cluster
from provision.core.certificate import TLS, CertifiedKey, plain
from provision.core.finding import Finding, Severity
from provision.core.playbook import Playbook, Step
from provision.core.secret import Secret
from provision.core.wording import span
from provision.resources.secret_file import SecretFile
from provision.resources.tls import ServerTls, file_of
from provision.resources.vllm import EVERYWHERE, VllmServer
from provision.stack.kept_key import shown_copy

#: Seconds before its end from which on a certificate is mentioned: authorities issue some for 45 days.
_SOON = 14 * 86400


def server_tls(cluster: Cluster, server: str) -> ServerTls | None:
    """What the API speaks HTTPS with; None: it speaks HTTP. `server`: the folder of its service."""
    serve = cluster.inventory.serve
    if serve is None or serve.tls is None:
        return None
    path, held = file_of(server), cluster.secrets.get(TLS)
    if not isinstance(held, CertifiedKey):
        return ServerTls(path, Secret("", TLS), None)
    key = held.certified(names_of(cluster))
    return ServerTls(path, key, key.certificate)


def with_certificates(playbook: Callable[[Cluster], Playbook]) -> Callable[[Cluster], Playbook]:
    """`playbook`, with the file of its certificate before each server that has one: also a playbook that was written
    before there were such files, and does not mention them."""

    def complete(cluster: Cluster) -> Playbook:
        book = playbook(cluster)
        book.findings += ends_soon(cluster, time.time())
        for step in list(book.steps):
            server = step.resource
            if isinstance(server, VllmServer) and server.tls is not None:
                file = SecretFile(server.tls.path, server.tls.key, owner=server.place.user)
                if not any(other.host == step.host and other.resource.id == file.id for other in book.steps):
                    book.steps.insert(book.steps.index(step), Step(step.host, file))
        return book

    return complete


def ends_soon(cluster: Cluster, now: float) -> list[Finding]:
    """Of one that the inventory names: nobody issues that anew."""
    held = cluster.secrets.get(TLS)
    if not isinstance(held, CertifiedKey):
        return []
    from provision.serving.certificate import OwnKey

    if isinstance(held, OwnKey):
        return []
    left = held.certificate.ends - now
    if left > _SOON:
        return []
    when = time.strftime("%Y-%m-%d", time.gmtime(held.certificate.ends))
    said = f"the API's certificate ends on {when}, in {span(max(0.0, left), spelled=True)}"
    why = "from then on clients that compare dates turn away"
    hint = "put another one into the files of `serve.tls`, then `provision up`"
    return [Finding("", "services", "certificate", Severity.WARNING, found=when, said=said, why=why, hint=hint)]


def names_of(cluster: Cluster) -> tuple[str, ...]:
    """What the API is called by those who ask it: its address, and what it has behind a tunnel."""
    serve, head = cluster.inventory.serve, cluster.head
    listen = (serve.listen if serve is not None else "") or head.node_ip
    asked = (head.node_ip, head.host.address) if listen in EVERYWHERE else (listen,)
    return tuple(dict.fromkeys(plain(name) for name in (*asked, "127.0.0.1", "localhost")))


def trusted(cluster: Cluster) -> str:
    """The file of this machine that a client trusts; empty: whatever its system does."""
    serve = cluster.inventory.serve
    held = cluster.secrets.get(TLS)
    if serve is None or serve.tls is None or not isinstance(held, CertifiedKey):
        return ""
    if serve.tls.cert is None:
        return shown_copy(cluster.name)
    return serve.tls.cert if held.certificate.own else ""
