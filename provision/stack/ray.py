"""How the resources of one cluster hang together: their folders, ports, environments, and what must agree. A playbook
says which resources go where and in what order; this says what each is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from provision.checks.gpu.answering import lacks_gpus
from provision.cluster.cluster import Cluster, Node, is_loopback
from provision.cluster.networks import rdma_devices
from provision.cluster.own_python import own_python
from provision.core.mark import Mark
from provision.core.playbook import Playbook, Step
from provision.core.secret import Secret
from provision.proofs.all_reduce.proof import AllReduce, all_reduce
from provision.proofs.arguments import VllmArguments
from provision.proofs.network.proof import NetworkProof, network_proof
from provision.resources.existing import ExistingEnvironment
from provision.resources.image import Image
from provision.resources.lifeline import Server
from provision.resources.ports import PortsFree
from provision.resources.ranks import RANKS, RAY_LOGS, Ranks
from provision.resources.ray import RayHead, RayWorker
from provision.resources.ray_members import RayMembers
from provision.resources.ray_setup import Network, Setup
from provision.resources.runtime import STAYING, runtime_of
from provision.resources.secret_file import SecretFile
from provision.resources.service import Place
from provision.resources.service_logs import ServiceLogs, asked
from provision.resources.system_user import SystemUser
from provision.resources.text_file import TextFile
from provision.resources.venv import Venv
from provision.resources.vllm import ANSWERS, API_KEY, STAYS_HERE, VllmOnRay, VllmServer
from provision.resources.weights import Weights
from provision.serving.instructions import ApiKey, Served
from provision.stack.certificate import server_tls, trusted
from provision.stack.closing import Closes
from provision.stack.comes_back import OnlyByUp
from provision.stack.environments import Environments
from provision.stack.model import Model
from provision.stack.port_keys import keys_in_logs, ports_free
from provision.stack.programs import programs_of
from provision.stack.secrets import given
from provision.stack.token import RAY_TOKEN
from provision.stack.unfit import compare_roots, find_lock
from provision.stack.users import find_user, of_the_user, scratch, service_user, system_user


class Stack(Closes):
    """Makes the resources of `cluster`. Pure, as the playbook that uses it."""

    #: What `python.packages` must bring at least, and how that is said.
    needs = ("Ray", 'add `"ray[default]"`, and `vllm`')

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._inventory = cluster.inventory
        self.model = Model(cluster)
        self._programs = programs_of(cluster)

    def folder(self, node: Node) -> str:
        """Of one cluster on one host: the host's name is part of it, because hosts may share a home folder."""
        return f"{node.root}/clusters/{self._cluster.name}/{node.name}"

    def environments(self, book: Playbook) -> list[Step]:
        """Adds the environment of every host. Where hosts share a folder, the first of them builds it, and the others
        find it there; an image is each host's own."""
        first: dict[str, Step] = {}
        steps = []
        for node in self._cluster.nodes:
            place = node.facts.root_place if node.facts is not None else ""
            before = first.get(place)
            found = self.venv(node)
            if isinstance(found, Venv):
                found = replace(found, follows=before is not None)
            steps.append(book.add(found, on=node.name, after=before or ()))
            if place and isinstance(found, Venv):
                first.setdefault(place, steps[-1])
        return steps

    def venv(self, node: Node) -> Venv | Image | ExistingEnvironment:
        """What has the programs: an environment, one that was there before, or an image."""
        return self._programs.on(node, self.folder(node), self.model.folder(node))

    def _version(self, node: Node) -> str:
        """What is started of another one is started anew."""
        programs = self.venv(node)
        if isinstance(programs, ExistingEnvironment):
            return programs.token
        return programs.version if isinstance(programs, Image) else programs.lock.short

    def network(self, node: Node) -> Network:
        devices = rdma_devices(node.facts) if node.facts is not None else ()
        return Network(node.node_ip, node.interface, devices)

    def weights(self, node: Node) -> Weights | None:
        """None where vLLM fetches the model itself, or none is served."""
        python = self._programs.plain(node) or f"{self.venv(node).path}/bin/python"
        return self.model.on(node, python=python, owner=service_user(node), plain=own_python(node))

    def token(self, node: Node) -> SecretFile:
        return SecretFile(f"{self.folder(node)}/ray-token", self._token(), owner=service_user(node))

    def ray_head(self) -> RayHead:
        head = self.head_alone()
        # With a model, it is vLLM that waits for them.
        return head if self._inventory.serve else replace(head, counted=self.members(head).counted())

    def head_alone(self) -> RayHead:
        """For whoever wants to know where it is, and not whom it waits for: that takes all hosts."""
        node = self._cluster.head
        return RayHead(self.place(node, "ray"), self._setup(node))

    def ray_worker(self, node: Node, head: RayHead) -> RayWorker:
        return RayWorker(self.place(node, "ray"), self._setup(node), head.address)

    def members(self, head: RayHead) -> RayMembers:
        expected = {n.node_ip: (n.name, n.gpus_meant) for n in self._cluster.nodes}
        unknown = frozenset(n.name for n in self._cluster.nodes if not n.address_known)
        others = {a: n.name for n in self._cluster.nodes for a in _further_addresses(n) if a not in expected}
        return RayMembers(head, expected, self._inventory.ray.join_timeout, unknown, others)

    def server(self, head: RayHead) -> VllmOnRay:
        node = self._cluster.head
        assert self._inventory.serve is not None
        return VllmOnRay(
            self.place(node, "vllm"),
            ray=head,
            counted=self.members(head).counted(),
            raylets=tuple(self._raylet(n) for n in self._cluster.nodes),
            python=str(self.venv(node).path),
            plain=self._programs.plain(node),
            lock=self._version(node),
            network=self.network(node),
            serve=self.model.served(node),
            base=self._base_environment(node),
            secrets=given(self._cluster),
            config_root=self._config_root(node),
            members=self._cluster.node_ips,
            tls=server_tls(self._cluster, f"{self.folder(node)}/vllm"),
        )

    def _raylet(self, node: Node) -> Server:
        return (node.node_ip, node.host.ray.node_manager_port, f"the raylet of {node.name}")

    def ranks(self, node: Node) -> Ranks | None:
        """None where vLLM is free to choose: it does not need all GPUs."""
        serve = self._inventory.serve
        if serve is None or serve.gpus != self._cluster.gpus_meant:
            return None
        logs = f"{self._setup(node).temp_dir}/{RAY_LOGS}"
        return Ranks(self.place(node, "ray"), node.gpus_meant, logs=logs, tensor=serve.stage)

    def served(self, server: VllmServer, *, over: str) -> Served:
        """What `up` has to tell of `server` in the end; `over`: what joins the hosts."""
        head, sources = self._cluster.head.host, self._inventory.secrets
        serve = server.serve
        return Served(
            model=serve.name or serve.model,
            endpoint=(server.listen_host, serve.port),
            head=head,
            hosts=tuple(node.name for node in self._cluster.nodes),
            tensor_parallel=serve.tensor_parallel,
            pipeline_parallel=serve.pipeline_parallel,
            over=over,
            ranks=RANKS,
            answers=ANSWERS,
            key=ApiKey.of(sources.get(API_KEY), self._inventory.path.parent),
            # Of a loopback address of this machine it could not be told whose server answers there.
            local=is_loopback(server.listen_host) and not is_loopback(head.address),
            certificate=server.tls.certificate if server.tls is not None else None,
            trusted=trusted(self._cluster),
        )

    def server_config(self) -> TextFile:
        """Keeps what is this host's alone from travelling to the ranks: vLLM copies the driver's whole environment
        into every Ray actor. Ranks need the secrets (a hub's token) only where they download the model."""
        node = self._cluster.head
        local = bool(self.model.folder(node))
        names = sorted({*STAYS_HERE, *(given(self._cluster) if local else ())})
        path = f"{self._config_root(node)}/ray_non_carry_over_env_vars.json"
        return TextFile(path, json.dumps(names), owner=service_user(node))

    def ray_ports(self, node: Node) -> PortsFree:
        ports = node.host.ray.services(head=node is self._cluster.head)
        return replace(self._ports(node, "ray", node.node_ip, ports), scratch=self._scratch(node)[0])

    def server_ports(self) -> PortsFree:
        node, serve = self._cluster.head, self._inventory.serve
        assert serve is not None
        return self._ports(node, "vllm", serve.listen or node.node_ip, ((serve.port, "the model's API"),))

    def _ports(self, node: Node, service: str, address: str, ports: tuple[tuple[int, str], ...]) -> PortsFree:
        return ports_free(self._cluster, node, self.place(node, service), address, ports)

    def network_proof(self) -> NetworkProof:
        return network_proof(self._cluster)

    def all_reduce(self) -> AllReduce | None:
        """None where there is nothing to add up, or nothing that does."""
        if "torch" not in self._cluster.lock.packages:
            return None
        return all_reduce(self._cluster, self._rank_environment, lambda node: str(self.venv(node).path), service_user)

    @staticmethod
    def arguments(servers: Mapping[str, VllmServer]) -> VllmArguments:
        """What must be shown before any service is stopped. `servers`: host → what is to run there."""
        return VllmArguments(servers)

    def _rank_environment(self, node: Node) -> dict[str, str]:
        given = {**node.host.ray.env, **(self._inventory.serve.env if self._inventory.serve else {})}
        return {**self.network(node).environment(), **self._base_environment(node), **given}

    def logs(self) -> ServiceLogs:
        """What all hosts are asked when one of their services has failed."""
        name = self._cluster.name
        nodes = self._cluster.nodes
        places = (asked(n, name, self.folder(n), self._setup(n).temp_dir, service_user(n)) for n in nodes)
        return ServiceLogs(tuple(places), keys_in_logs(self._cluster))

    def find_blockers(self, book: Playbook) -> None:
        """What would fail later, on one host or all of them, and is known already."""
        self._programs.find_blockers(book, *self.needs)
        for node in self._cluster.nodes:
            if node.facts is not None:
                find_user(book, node)
        find_lock(book, self._cluster.lock)
        compare_roots(book, self._cluster)
        self._find_gpus(book)
        self.model.find_blockers(book)
        book.reviews.append(Environments(self._cluster))

    def _find_gpus(self, book: Playbook) -> None:
        serve = self._inventory.serve
        if serve is None or any(n.facts is None for n in self._cluster.nodes):
            return
        found, needed = sum(n.gpus for n in self._cluster.nodes), serve.gpus
        if found < needed and not any(lacks_gpus(n) for n in self._cluster.nodes):
            cut = f"tensor_parallel {serve.tensor_parallel} × pipeline_parallel {serve.pipeline_parallel}"
            cut += f" × data_parallel {serve.data_parallel}" if serve.data_parallel > 1 else ""
            book.block(
                f"{cut} needs {needed} GPUs, the hosts have {found}",
                evidence=[f"{n.name}: {n.gpus}" for n in self._cluster.nodes],
                hint="lower one of them, or add hosts",
                area="gpus",
            )

    def _scratch(self, node: Node) -> tuple[str, str]:
        return scratch(self._cluster, node)

    def _setup(self, node: Node) -> Setup:
        place, former = self._scratch(node)
        return Setup(
            python=str(self.venv(node).path),
            lock=self._version(node),
            network=self.network(node),
            settings=node.host.ray,
            base=self._base_environment(node),
            token_file=f"{self.folder(node)}/ray-token",
            token=self._token(),
            scratch=place,
            former_scratch=former,
            plain=self._programs.plain(node),
        )

    def place(self, node: Node, service: str) -> Place:
        """Where a service of that name lives on the host, whom it runs as, and what carries it."""
        mark = Mark(self._cluster.name, node.name, service)
        user, runtime, programs = service_user(node), self._runtime(node), self._programs
        folder = f"{self.folder(node)}/{service}"
        return Place(folder, str(mark), user, runtime, programs.contained, programs.hardened)

    @property
    def comes_back(self) -> str:
        """What it takes that services start again by themselves."""
        return "`sudo: true` or `loginctl enable-linger` has systemd do it"

    def watch(self, book: Playbook) -> None:
        super().watch(book)
        left = tuple(n.name for n in self._cluster.nodes if n.host.stay_up and self._runtime(n) not in STAYING)
        book.outcome.append(OnlyByUp(left, self.comes_back))

    def _runtime(self, node: Node) -> str:
        return runtime_of(node.facts, stay_up=node.host.stay_up)

    def user(self, node: Node) -> SystemUser | None:
        """None where services run as whoever logs in."""
        return system_user(self._cluster, node)

    def _base_environment(self, node: Node) -> dict[str, str]:
        return {**self._programs.path(node), **of_the_user(self._cluster, node), "LANG": "C.UTF-8", **node.host.env}

    def _config_root(self, node: Node) -> str:
        return f"{self.folder(node)}/vllm-config"

    def _token(self) -> Secret:
        return self._cluster.secrets[RAY_TOKEN]


def _further_addresses(node: Node) -> tuple[str, ...]:
    """What a host might be known by instead of the address that was chosen."""
    interfaces = node.facts.interfaces if node.facts is not None else ()
    return tuple(a for i in interfaces if not i.loopback for a in i.addresses if "." in a)
