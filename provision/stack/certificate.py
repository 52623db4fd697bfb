"""`serve.tls: true`: a key that lives with the cluster, on its head, and the certificate that goes with it.

It is asked for together with the facts, as Ray's token is; no controller keeps it. What is public of it is kept here,
for clients that want a file to trust.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provision.cluster.cluster import Cluster
from provision.core.certificate import TLS, CertifiedKey, plain
from provision.core.errors import NoHome
from provision.core.events import Listener, Note
from provision.core.finding import Finding, Severity
from provision.core.kept import KeptOnHosts
from provision.core.paths import cluster_dir
from provision.core.playbook import Playbook, Step
from provision.core.private import private_folder, require_ours
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.wording import span
from provision.inventory.models import Inventory
from provision.resources.secret_file import SecretFile
from provision.resources.tls import ServerTls, file_of, held_question
from provision.resources.vllm import EVERYWHERE, VllmServer

#: Seconds before its end from which on a certificate is mentioned: authorities issue some for 45 days.
_SOON = 14 * 86400

_BETWEEN = "-- another --\n"


@dataclass(frozen=True)
class ClusterCertificate(KeptOnHosts):
    """`head`: the host that has it."""

    cluster: str
    head: str
    _settled: dict[str, Secret] = field(default_factory=dict, repr=False, compare=False)

    def question(self, host: str, root: str) -> Script:
        if host != self.head:
            return Script(":", private=True)
        return held_question(f"{root}/clusters/{self.cluster}/{host}/vllm")

    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        from provision.serving.certificate import own_key  # a library that few clusters need

        said = answers.get(self.head)
        self._settled.update(own_key(said.stdout if said is not None and said.ok else ""))
        return dict(self._settled)

    def keep(self) -> None:
        """What is public of what was issued last, where `public_copy` says. Raises OSError, NoHome."""
        from provision.serving.certificate import OwnKey

        own = self._settled.get(TLS)
        if not isinstance(own, OwnKey):
            return
        path = public_copy(self.cluster)
        private_folder(path.parent)
        require_ours(path)
        new = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        new.write_text(own.last.public, encoding="ascii")
        new.replace(path)


@dataclass(frozen=True)
class KeptTogether(KeptOnHosts):
    """Two, asked in one."""

    first: KeptOnHosts
    second: KeptOnHosts

    def question(self, host: str, root: str) -> Script:
        first, second = self.first.question(host, root), self.second.question(host, root)
        body = f"(\n{first.body}\n)\necho; printf %s '{_BETWEEN}'\n(\n{second.body}\n)"
        return Script(body, {**first.vars, **second.vars}, private=True)

    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        parts = {host: fragment.stdout.partition(f"\n{_BETWEEN}") for host, fragment in answers.items()}
        each = []
        for kept, part in ((self.first, 0), (self.second, 2)):
            each.append(kept.settle({h: Fragment(answers[h].rc, said[part], "") for h, said in parts.items()}))
        return {**each[0], **each[1]}


def own_certificate(inventory: Inventory) -> ClusterCertificate | None:
    """None where the API has none, or one of the inventory's."""
    serve = inventory.serve
    own = serve is not None and serve.tls is not None and serve.tls.cert is None
    return ClusterCertificate(inventory.cluster, inventory.head.name) if own else None


def together(first: KeptOnHosts | None, second: KeptOnHosts | None) -> KeptOnHosts | None:
    return KeptTogether(first, second) if first is not None and second is not None else first or second


def keep_public(kept: KeptOnHosts | None, listener: Listener) -> None:
    """Of what was `together`, for the lines that clients get to name; the model is served all the same without."""
    for one in (kept.first, kept.second) if isinstance(kept, KeptTogether) else (kept,):
        try:
            if isinstance(one, ClusterCertificate):
                one.keep()
        except (OSError, NoHome) as error:
            listener(Note("", f"the API's certificate was not kept here: {error}"))


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


def public_copy(cluster: str) -> Path:
    return cluster_dir(cluster) / "api.pem"


def shown_copy(cluster: str) -> str:
    """Where a client finds what to trust; empty if there is no place to keep it."""
    try:
        return str(public_copy(cluster))
    except NoHome:
        return ""


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
