"""What lives with the cluster of `serve.tls: true`: a key on its head, and the certificate that goes with it.

It is asked for together with the facts, as Ray's token is; no controller keeps it. What is public of it is kept here,
for clients that want a file to trust.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from provision.core.certificate import TLS
from provision.core.errors import NoHome
from provision.core.events import Listener, Note
from provision.core.kept import KeptOnHosts
from provision.core.paths import cluster_dir
from provision.core.private import private_folder, require_ours
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.resources.tls import held_question

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
        return _in_one(self.first.question(host, root), self.second.question(host, root))

    def unsettled(self, answers: Mapping[str, Fragment]) -> bool:
        first, second = _each(answers)
        return self.first.unsettled(first) or self.second.unsettled(second)

    def whole_question(self, host: str, root: str) -> Script:
        return _in_one(self.first.whole_question(host, root), self.second.whole_question(host, root))

    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        first, second = _each(answers)
        return {**self.first.settle(first), **self.second.settle(second)}


def _in_one(first: Script, second: Script) -> Script:
    body = f"(\n{first.body}\n)\necho; printf %s '{_BETWEEN}'\n(\n{second.body}\n)"
    return Script(body, {**first.vars, **second.vars}, private=True)


def _each(answers: Mapping[str, Fragment]) -> tuple[dict[str, Fragment], dict[str, Fragment]]:
    """What was answered to the first, and to the second."""
    parts = {host: fragment.stdout.partition(f"\n{_BETWEEN}") for host, fragment in answers.items()}
    first, second = ({h: Fragment(answers[h].rc, said[n], "") for h, said in parts.items()} for n in (0, 2))
    return first, second


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


def public_copy(cluster: str) -> Path:
    return cluster_dir(cluster) / "api.pem"


def shown_copy(cluster: str) -> str:
    """Where a client finds what to trust; empty if there is no place to keep it."""
    try:
        return str(public_copy(cluster))
    except NoHome:
        return ""
