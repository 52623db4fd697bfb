"""Hosts that download a model from a hub of the tests, with the real huggingface_hub."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine import Hosts

from provision.cluster.cluster import Cluster
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.proofs.weights import RoomForWeights, SameWeights
from provision.resources.weights import Weights

SHARD = "model-00001-of-00001.safetensors"


@dataclass
class HubRacks:
    """Hosts, each with a root of its own, that download one model."""

    folder: Path
    hosts: Hosts
    python: str
    hub: str
    token: Secret | None = None
    revision: str = ""
    deep: bool = False
    pickles: bool = False
    code: bool = False
    owner: str = ""
    server: tuple[Resource, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, hosts: list[Host], tmp_path: Path, python: str, hub: str) -> HubRacks:
        folder = tmp_path / "racks"
        folder.mkdir()
        return cls(folder, Hosts(hosts), python, hub)

    def root(self, host: str) -> Path:
        return self.folder / host

    def at(self, host: str) -> Path:
        return self.root(host) / "models" / "acme--tiny"

    def run(self, command: str, **how: object) -> Report:
        def book(cluster: Cluster) -> Playbook:
            made = Playbook()
            placed = {node.name: self._weights(node.name) for node in cluster.nodes}
            steps = [made.add(weights, on=host) for host, weights in placed.items()]
            made.prove(RoomForWeights(placed), before=steps)
            standing = [made.add(resource, on="host-1", follows=steps) for resource in self.server]
            made.prove(SameWeights(placed), before=standing or steps)
            return made

        return self.hosts.run(command, book, **how)  # type: ignore[arg-type]

    def _weights(self, host: str) -> Weights:
        return Weights(
            source="hub",
            folder=str(self.at(host)),
            root=str(self.root(host)),
            cluster="here",
            host=host,
            python=self.python,
            repo="acme/tiny",
            revision=self.revision,
            token=self.token,
            hub={"HF_ENDPOINT": self.hub},
            deep=self.deep,
            pickles=self.pickles,
            code=self.code,
            owner=self.owner,
        )
