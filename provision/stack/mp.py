"""The same cluster without Ray: what vLLM's own multi-node mode is made of, and what it asks of the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from provision.checks.gpu.answering import lacks_gpus
from provision.cluster.cluster import Cluster, Node
from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.resources.absent import Absent
from provision.resources.plain_digests import PlainDigests
from provision.resources.ports import PortsFree
from provision.resources.runtime import runtime_of
from provision.resources.vllm import API_KEY
from provision.resources.vllm_mp import ALONE, MET, Answers, Meeting, RanksMet, VllmHead, VllmNode, VllmWorker
from provision.stack.certificate import server_tls
from provision.stack.ray import Stack
from provision.stack.secrets import given

#: Flags that multiply the ranks beyond TP × PP (engine/arg_utils.py, vLLM 0.32.0).
_MORE_RANKS = ("data-parallel-size", "prefill-context-parallel-size")

N = TypeVar("N", bound=VllmNode)


def left_without_ray(cluster: Cluster, node: Node) -> Iterator[Resource]:
    """What `serve.backend: mp` puts on this host and the playbook with Ray does not; and what older versions wrote."""
    stack, on_head = Stack(cluster), node is cluster.head
    yield PlainDigests(stack.ray_head() if on_head else stack.ray_worker(node, stack.head_alone()))
    if cluster.inventory.serve is not None and on_head:
        yield PlainDigests(stack.server(stack.ray_head()))
    if cluster.inventory.serve is not None and node is not cluster.head:
        yield Absent(StackWithoutRay(cluster).worker_rank(node))


class StackWithoutRay(Stack):
    """Makes the resources of a cluster whose `serve.backend` is `mp`. All its hosts take part, with equal shares."""

    needs = ("vLLM", "add `vllm`")

    @property
    def comes_back(self) -> str:
        several = len(self._cluster.nodes) > 1
        return "the ranks of several hosts must start together" if several else super().comes_back

    def head_rank(self) -> VllmHead:
        return self._rank(VllmHead, self._cluster.head)

    def worker_rank(self, node: Node) -> VllmWorker:
        return self._rank(VllmWorker, node)

    def rank(self, node: Node) -> VllmNode:
        return self.head_rank() if node is self._cluster.head else self.worker_rank(node)

    def _runtime(self, node: Node) -> str:
        """Ranks of several hosts start together or not at all, which nobody sees to while nobody is there."""
        return runtime_of(node.facts, stay_up=node.host.stay_up and len(self._cluster.nodes) == 1)

    def answers(self) -> Answers:
        return Answers(self.head_rank())

    def ranks_met(self, node: Node) -> RanksMet:
        place, alone = self.place(node, "vllm"), len(self._cluster.nodes) == 1
        logs = f"{place.folder}/log"
        process = self.rank(node)
        stage = process.serve.stage
        return RanksMet(place, self._share, ALONE if alone else MET, logs, stage, node=process)

    def master_port(self) -> PortsFree:
        assert self._inventory.serve is not None
        node, port = self._cluster.head, self._inventory.serve.master_port
        return replace(self._ports(node, "vllm", node.node_ip, ((port, "where the ranks meet"),)), of="ranks")

    def left_by_ray(self, node: Node) -> Iterator[Resource]:
        """What `serve.backend: ray` puts on this host and this playbook does not; and what older versions wrote."""
        if self._inventory.serve is not None:
            yield PlainDigests(self.rank(node))
        if node is self._cluster.head:
            yield Absent(self.server_config())
            yield Absent(self.ray_head())
        else:
            yield Absent(self.ray_worker(node, self.head_alone()))
        yield Absent(self.token(node))

    def find_blockers(self, book: Playbook) -> None:
        super().find_blockers(book)
        self._find_shares(book)

    @property
    def _share(self) -> int:
        """How many ranks each host has."""
        serve = self._inventory.serve
        return serve.gpus // len(self._cluster.nodes) if serve else 0

    def _rank(self, kind: type[N], node: Node) -> N:
        serve, nodes = self._inventory.serve, self._cluster.nodes
        assert serve is not None
        head = node is self._cluster.head
        return kind(
            self.place(node, "vllm"),
            python=str(self.venv(node).path),
            plain=self._programs.plain(node),
            lock=self._version(node),
            network=self.network(node),
            serve=self.model.served(node),
            base=self._base_environment(node),
            secrets=self._secrets(head=head),
            config_root=self._config_root(node),
            members=self._cluster.node_ips,
            meeting=Meeting(
                nodes=len(nodes),
                address=self._cluster.head.node_ip,
                port=serve.master_port,
                ranks=self._share,
                timeout=self._inventory.ray.join_timeout,
            ),
            rank=self._cluster.ranks[node.name],
            tls=server_tls(self._cluster, f"{self.folder(node)}/vllm") if head else None,
        )

    def _secrets(self, *, head: bool) -> dict[str, Secret]:
        """Only the head has an API to guard; the others need a hub's token where they download the model."""
        mine = given(self._cluster)
        if head:
            return mine
        local = bool(self.model.folder(self._cluster.head))
        return {} if local else {name: value for name, value in mine.items() if name != API_KEY}

    def _find_gpus(self, book: Playbook) -> None:
        if not self._more_ranks():
            super()._find_gpus(book)

    def _more_ranks(self) -> list[str]:
        """Flags that ask for ranks which nobody starts on the other hosts."""
        serve = self._inventory.serve
        return [flag for flag in _MORE_RANKS if serve and serve.count(flag) > 1 and len(self._cluster.nodes) > 1]

    def _find_shares(self, book: Playbook) -> None:
        """What vLLM refuses itself (EngineArgs.create_engine_config, vLLM 0.32.0), or would wait for in vain."""
        serve, nodes = self._inventory.serve, self._cluster.nodes
        if serve is None or not serve.gpus:
            return
        for flag in self._more_ranks():
            message = f"`--{flag} {serve.argument(flag)}` makes ranks that provision does not place without Ray"
            book.block(message, hint=f"remove `{flag}` from serve.args, or set `serve.backend: ray`", area="gpus")
        if self._more_ranks():
            return
        cut = f"tensor_parallel {serve.tensor_parallel} × pipeline_parallel {serve.pipeline_parallel}"
        hosts = f"{len(nodes)} hosts" if len(nodes) > 1 else "1 host"
        if serve.gpus % len(nodes):
            book.block(
                f"{cut} is {serve.gpus} rank{'' if serve.gpus == 1 else 's'}, which {hosts} cannot share equally",
                evidence=[f"{', '.join(n.name for n in nodes)}: each has as many ranks as the others without Ray"],
                hint=f"make the product a multiple of {len(nodes)}, take hosts out, or set `serve.backend: ray`",
                area="gpus",
            )
            return
        if sum(n.gpus for n in nodes) < serve.gpus or any(n.facts is None or lacks_gpus(n) for n in nodes):
            return  # said already, or not known
        for node in nodes:
            if node.gpus < self._share:
                has = f"{node.gpus} GPU{'' if node.gpus == 1 else 's'}"
                book.block(
                    f"it has {has}, and its share of {cut} over {hosts} is {self._share}",
                    host=node.name,
                    evidence=[f"{n.name}: {n.gpus}" for n in nodes],
                    hint=f"lower the product, take {node.name} out, or set `serve.backend: ray`",
                    area="gpus",
                )
