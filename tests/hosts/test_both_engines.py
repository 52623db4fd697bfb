"""A host with Docker and Podman: a cluster has what its `runtime.container` says, and neither touches the other's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_rack import Rack

from provision.lab import base
from provision.lab.containers import KINDS, PACKAGES
from provision.lab.lab import Lab

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

#: Of the second cluster, beside those of the first on the same host.
PORTS = {"port": 6479, "node_manager_port": 6480, "object_manager_port": 6481, "runtime_env_agent_port": 6482,
         "dashboard_agent_grpc_port": 6483, "dashboard_agent_listen_port": 6484, "metrics_export_port": 6485,
         "min_worker_port": 20002, "max_worker_port": 20999}  # fmt: skip


def with_podman(lab: Lab, folder: Path) -> Path:
    """What a host with Docker lacks of one with Podman. Its layers are copies: an overlay cannot lie on the overlay
    that a lab host is, and the room that the host has for that is Docker's."""
    docker, podman = (base.ensure(lab.root, print, PACKAGES[kind]) for kind in ("docker", "podman"))
    for place, folders, files in os.walk(podman):
        below = Path(place).relative_to(podman)
        if below.parts[:1] in (("proc",), ("sys",), ("dev",), ("run",), ("tmp",)):
            folders.clear()
            continue
        for name in [*files, *(name for name in folders if (Path(place) / name).is_symlink())]:
            if not os.path.lexists(docker / below / name):
                (folder / below).mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(place) / name, folder / below / name, follow_symlinks=False)
    KINDS["podman"].write(folder, podman)
    settings = folder / "etc/containers/storage.conf"
    settings.write_text(settings.read_text().replace('"overlay"', '"vfs"'))
    return folder


class Clusters:
    """On one host, `docker` and `podman`: each with an inventory of its own."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.docker = self._rack(lab, folder / "docker", "docker", cluster="of-docker")
        self.podman = self._rack(lab, folder / "podman", "podman", cluster="of-podman", ray=PORTS, port=8100)

    @staticmethod
    def _rack(lab: Lab, folder: Path, engine: str, port: int = 8000, **settings: object) -> Rack:
        folder.mkdir()
        rack = Rack(lab, folder, engine)
        serve = {"model": "/usr/share/common-licenses", "name": "tiny", "ready_timeout": 600, "port": port}
        rack.write(sudo=True, serve=serve, **settings)
        return rack


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    lab = Lab(name=f"test-both-{os.getpid()}")
    lab.down()
    folder = tmp_path_factory.mktemp("both")
    (layer := folder / "layer").mkdir()
    try:
        lab.up(hosts=1, gpus=2, containers="docker", layers=[with_podman(lab, layer)])
        yield Clusters(lab, folder)
    finally:
        lab.down()


def names(rack: Rack) -> set[str]:
    return set(rack.on("lab-1", "$engine ps -a --format '{{.Names}}'").split())


def facts(rack: Rack) -> set[str]:
    """What `check` shows of the host that is named after an engine."""
    done = rack.provision("check", "--json")
    known = json.loads(done.stdout.splitlines()[-1])["report"]["known"]
    cells = [cell["fact"] for host in known.values() for cell in host]
    return {fact.partition(" ")[0] for fact in cells if fact.partition(" ")[0] in KINDS}


def test_each_has_its_containers_and_image_where_its_inventory_says_and_nowhere_else(clusters: Clusters) -> None:
    docker, podman = clusters.docker, clusters.podman
    docker.up()
    assert names(podman) == set() and podman.on("lab-1", "podman images -q") == ""
    assert facts(docker) == {"docker"}
    podman.up()
    first, second = names(docker), names(podman)
    assert first and all(name.startswith("provision-of-docker-lab-1-") for name in first)
    assert second and all(name.startswith("provision-of-podman-lab-1-") for name in second)
    assert facts(podman) == {"podman"}
    assert docker.in_sync() and podman.in_sync()
    assert "nothing to change" in docker.up() and "nothing to change" in podman.up()


def test_a_docker_that_is_stopped_is_said_of_what_runs_in_it_alone(clusters: Clusters) -> None:
    clusters.docker.on("lab-1", "systemctl stop docker.socket docker")
    try:
        assert clusters.podman.in_sync()
        assert any("docker does not answer" in said for said in clusters.docker.findings())
    finally:
        clusters.docker.on("lab-1", "systemctl start docker")


def test_a_container_of_the_other_engine_is_not_touched_whatever_it_is_called(clusters: Clusters) -> None:
    """By name and label it could be that of a service."""
    docker, podman = clusters.docker, clusters.podman
    docker.up()  # its units may still be bringing back what ended with the daemon
    (name, *_) = names(docker)
    label = f"provision=of-docker/lab-1/{name.rpartition('-')[2]}"
    podman.on("lab-1", f"podman run -d --name {name} --label {label} --network host standin:1 sleep 1000")
    try:
        assert name in names(podman)
        assert docker.provision("restart", "--yes").returncode == 0
        assert docker.provision("down").returncode == 0
        assert name in names(podman) and names(docker) == set()
        assert podman.in_sync()
    finally:
        podman.on("lab-1", f"podman rm -f {name}")


def test_what_one_is_purged_of_stays_with_the_other(clusters: Clusters) -> None:
    docker, podman = clusters.docker, clusters.podman
    docker.up()
    assert podman.provision("down", "--purge").returncode == 0
    assert names(podman) == set() and podman.on("lab-1", "podman images -q") == ""
    assert docker.digest in docker.on("lab-1", "docker images -q --no-trunc")
    assert docker.in_sync() and names(docker)
    assert docker.provision("down", "--purge").returncode == 0
    assert docker.on("lab-1", "docker images -q; docker ps -aq") == ""
