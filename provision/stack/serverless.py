"""ServerlessLLM over its own Ray: what its head and its workers are made of, and what it asks of the hosts.

Read in serverless-llm 0.8.0, which pins Ray 2.46. Its controller looks for workers and their stores once, when it
starts, so it starts last; what it knows lies in its memory, and the instances that it has started outlive it, so that
all of it is started anew together.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from provision.checks.ids import NO_TOKEN
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.outcome import Ended, Endpoint
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.environment.python_version import number
from provision.inventory.serverless import ServerlessLlm
from provision.resources.existing import ExistingEnvironment
from provision.resources.image import Image
from provision.resources.ports import PortsFree
from provision.resources.ray import RayHead, RayWorker
from provision.resources.ray_members import RayMembers
from provision.resources.ray_setup import Setup
from provision.resources.serverless_head import HEAD, ServerlessHead, ServerlessModels
from provision.resources.serverless_store import STORE, ModelsFolder, ServerlessStore
from provision.resources.venv import Venv
from provision.serving.instructions import RUNNING
from provision.stack.ray import Stack
from provision.stack.secrets import given
from provision.stack.users import of_the_user, scratch, service_user

#: Custom resources of Ray by which ServerlessLLM knows its nodes (sllm/utils.py).
_CONTROL, _WORKER, _ID = "control_node", "worker_node", "worker_id_"

#: Where Ray began to ask for a token.
_WITH_TOKEN = (2, 52)

_RESOURCES = "resources"

#: What an image has of it, by its PATH.
_PROGRAMS = ("python", "ray", HEAD, STORE)


@dataclass(frozen=True)
class ModelsWorker(RayWorker):
    """A Ray worker that fetches models: with the secrets that a hub asks for."""

    secrets: Mapping[str, Secret] = field(hash=False)

    def environment(self) -> Mapping[str, str | Secret]:
        return {**super().environment(), **self.secrets}


class ServerlessStack(Stack):
    """Makes the resources of a cluster whose `serve.backend` is `serverlessllm`."""

    needs = ("ServerlessLLM", 'add `"serverless-llm[worker]==0.8.0"`, and a wheel of its store')

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._settings = cluster.inventory.serverlessllm or ServerlessLlm()

    def resources(self, node: Node) -> tuple[str, ...]:
        """The custom resources of Ray that the node has, one of each."""
        if node is self._cluster.head:
            return (_CONTROL,)
        return (_WORKER, f"{_ID}{[each.name for each in self._cluster.workers].index(node.name)}")

    def _scratch(self, node: Node) -> tuple[str, str]:
        """The head's on every host: before 2.53 a worker of Ray takes the path that the head has for it."""
        return scratch(self._cluster, self._cluster.head)

    def _setup(self, node: Node) -> Setup:
        setup = super()._setup(node)
        ray = setup.settings
        counted = {**_given_resources(node), **dict.fromkeys(self.resources(node), 1)}
        where = {} if node is self._cluster.head else {"STORAGE_PATH": self.storage(node)}
        update = {"args": {**ray.args, _RESOURCES: json.dumps(counted)}, "env": {**ray.env, **where}}
        return replace(setup, settings=ray.model_copy(update=update))

    def venv(self, node: Node) -> Venv | Image | ExistingEnvironment:
        """What is in an image sees the folder for Ray's temporary one, which is that of the head, and on workers the
        models, which Ray fetches and the store loads."""
        found = super().venv(node)
        if not isinstance(found, Image):
            return found
        models = () if node is self._cluster.head else (self.storage(node),)
        mounts = dict.fromkeys((*found.mounts, self._scratch(node)[0], *models))
        return replace(found, names=_PROGRAMS, mounts=tuple(mounts))

    def storage(self, node: Node) -> str:
        """With sudo below the home of the services' user, since others cannot write below `root`."""
        home = of_the_user(self._cluster, node)["HOME"] if service_user(node) else node.root
        return self._settings.storage_path or f"{home}/serverlessllm"

    def models_folder(self, node: Node) -> ModelsFolder:
        return ModelsFolder(self.storage(node), service_user(node))

    def ray_head(self) -> RayHead:
        """It is the controller that waits for the members."""
        node = self._cluster.head
        return RayHead(self.place(node, "ray"), self._setup(node))

    def ray_worker(self, node: Node, head: RayHead) -> RayWorker:
        return ModelsWorker(self.place(node, "ray"), self._setup(node), head.address, given(self._cluster))

    def members(self, head: RayHead) -> RayMembers:
        return replace(
            super().members(head), resources={node.node_ip: self.resources(node) for node in self._cluster.nodes}
        )

    def store(self, node: Node) -> ServerlessStore:
        return ServerlessStore(
            self.place(node, STORE),
            python=str(self.venv(node).path),
            lock=self._version(node),
            node_ip=node.node_ip,
            settings=self._settings,
            storage=self.storage(node),
            base=self._base_environment(node),
            plain=self._programs.plain(node),
        )

    def controller(self, ray: RayHead) -> ServerlessHead:
        return ServerlessHead(
            self.place(self._cluster.head, HEAD),
            ray=ray,
            counted=self.members(ray).counted(),
            settings=self._settings,
            workers=tuple(f"{node.name} {node.node_ip}" for node in self._cluster.workers),
        )

    def models(self, head: ServerlessHead) -> ServerlessModels:
        return ServerlessModels(head, self._settings.models, self._settings.deploy_timeout)

    def own_ports(self, node: Node) -> PortsFree:
        """Beside those of Ray."""
        head = node is self._cluster.head
        service, use = (HEAD, "ServerlessLLM's API") if head else (STORE, "ServerlessLLM's store")
        port = self._settings.port if head else self._settings.store_port
        return self._ports(node, service, node.node_ip, ((port, use),))

    def answers(self, head: ServerlessHead) -> ServedModels:
        return ServedModels(
            self._cluster.head.name, (head.node_ip, self._settings.port), tuple(self._settings.models), head.name,
            str(self._cluster.inventory.path),
        )  # fmt: skip

    def find_blockers(self, book: Playbook) -> None:
        super().find_blockers(book)
        cluster, inventory = self._cluster, self._cluster.inventory
        if not cluster.workers:
            book.block("ServerlessLLM has no worker: its head runs no model", hint="list one more host, the worker")
        packages = cluster.lock.packages
        if packages and not cluster.lock.stale and "serverless-llm" not in packages:
            said, hint = "`serverless-llm` is not among the packages", self.needs[1]
            if inventory.runtime is not None:
                said, hint = "`serverless-llm` is not in the image", "name an image whose `PATH` has it, and its store"
            book.block(said, hint=hint, area="packages")
        known = [node for node in cluster.workers if node.facts is not None and cluster.head.facts is not None]
        for node in known:
            if bool(service_user(node)) != bool(service_user(cluster.head)):
                said = f"services run as root starts them here, or on {cluster.head.name}, and not on both"
                book.block(said, host=node.name, hint="set `sudo` alike on all hosts: Ray has one temporary folder")
        for node in cluster.nodes:
            if (given_there := node.host.ray.args.get(_RESOURCES)) is not None and not _given_resources(node):
                said = f"`ray.args.resources` is `{given_there}`, expected a JSON object with numbers"
                book.block(said, host=node.name, hint="write `resources: '{\"disk\": 1}'`")
        book.findings += self._without_token()

    def _without_token(self) -> Iterator[Finding]:
        ray = self._cluster.lock.packages.get("ray", "")
        if not ray or number(ray) >= _WITH_TOKEN or self._cluster.inventory.firewall.enabled:
            return
        yield Finding(
            self._cluster.head.name,
            "network",
            "Ray's token",
            Severity.WARNING,
            found=f"unknown to Ray {ray}",
            against=Against.SOUND,
            said=f"Ray {ray} asks nobody for a token: whoever reaches its ports runs code on every host of the cluster",
            why="the token that this Ray is given does nothing before 2.52, and ServerlessLLM pins an older one; its "
            "store and its API ask for nothing either",
            hint="set `firewall: true`, with `sudo: true`: then other hosts do not reach them",
            id=NO_TOKEN,
        )


@dataclass(frozen=True)
class ServedModels:
    """What the end of `up` says: where ServerlessLLM answers, and lines that can be typed."""

    head: str
    endpoint: Endpoint
    models: tuple[str, ...]
    service: str
    inventory: str

    @property
    def endpoints(self) -> list[Endpoint]:
        return [self.endpoint]

    def lines(self, ended: Ended) -> Iterator[str]:
        if ended.of(self.head, self.service) != RUNNING:
            yield "whether ServerlessLLM answers was not looked at"
            return
        address, port = self.endpoint
        url = f"http://{bracketed(address)}:{port}"
        yield f"ServerlessLLM answers at {url}/v1"
        if why := ended.closed.get(self.endpoint, ""):
            yield f"  from here it does not ({why})"
        yield ""
        if not self.models:
            yield f"provision model deploy facebook/opt-1.3b {shlex.quote(self.inventory)}"
        for model in self.models[:1]:
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "What is your name?"}]})
            content = "-H 'Content-Type: application/json'"
            yield f"curl --noproxy '*' {url}/v1/chat/completions {content} -d {shlex.quote(body)}"


def _given_resources(node: Node) -> dict[str, float]:
    """What the inventory adds; empty if it is none, or cannot be read."""
    try:
        found = json.loads(str(node.host.ray.args.get(_RESOURCES, "{}")))
    except ValueError:
        return {}
    sound = isinstance(found, dict) and all(isinstance(n, (int, float)) for n in found.values())
    return dict(found) if sound else {}
