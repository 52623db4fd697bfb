"""An image that is built, or pulled by its name, with real Docker and Debian's own registry. The daemon that the
controller's client talks to is that of a lab host, as with `DOCKER_HOST=ssh://HOST`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from container_rack import DOCKER, HOSTS, Rack, docker_here
from registry import serve, start_registry, stop_registry

from provision.environment.image_lock import parse_image_lock
from provision.payload.bundle import shell

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab"), DOCKER]

HAS = shell("container/docker.sh", "container/has.sh")


@pytest.fixture(scope="module")
def here(rack: Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """With Docker's client on the controller, and the stand-in's image on lab-1 alone."""
    rack.provision("down", "--purge")
    for host in HOSTS:
        rack.on(host, "docker image prune -af")
    (rack.lab.directory / "hosts/lab-1/upper/root.tar").write_bytes((rack.folder / "standin.tar").read_bytes())
    rack.on("lab-1", "docker load -i /root.tar; rm /root.tar")
    with docker_here(rack, tmp_path_factory.mktemp("client"), "lab-1"):
        yield rack
    rack.provision("down", "--purge")


def images(rack: Rack, host: str) -> str:
    return rack.on(host, "docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'")


def locked(rack: Rack):
    path = rack.inventory.with_suffix(".lock")
    return parse_image_lock(path.read_text(), path)


def test_what_was_built_once_is_the_same_on_every_host(here: Rack) -> None:
    context = here.folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM standin:1\nENV ADDED='one two'\nCOPY added /etc/added\n")
    (context / "added").write_text("one\n")
    here.write(sudo=True, runtime={"container": "docker", "build": {"context": "./context"}})
    here.up()
    lock = locked(here)
    for host in HOSTS:
        assert f"sha256:{lock.digest}" in images(here, host)
        assert here.on(host, "docker exec $(docker ps -qf name=-ray) cat /etc/added") == "one\n"
        seen = here.on(host, f"engine=docker; {HAS}\ncontent_of sha256:{lock.digest}")
        assert seen.split() == [lock.content], "by which containerd's store knows it"
    assert "nothing to change" in here.up()
    assert here.in_sync()
    (context / "added").write_text("two\n")
    assert here.provision("check").returncode == 3
    here.up()
    assert here.on("lab-2", "docker exec $(docker ps -qf name=-ray) cat /etc/added") == "two\n"
    assert here.in_sync()
    assert locked(here).digest != lock.digest


@pytest.fixture(scope="module")
def registry(here: Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    where = start_registry(here, tmp_path_factory.mktemp("registry"))
    pushed = here.on("lab-1", f"docker tag standin:1 {where}/acme/vllm:1 && docker push -q {where}/acme/vllm:1")
    assert f"{where}/acme/vllm:1" in pushed
    yield f"{where}/acme/vllm:1"
    stop_registry(here)


def test_hosts_pull_from_a_registry_by_digest(here: Rack, registry: str) -> None:
    here.provision("down", "--purge")
    here.write(sudo=True, runtime={"container": "docker", "image": registry, "pull": "registry"})
    assert here.digest not in images(here, "lab-2")
    said = here.up()
    assert "receiving files" not in said
    lock = locked(here)
    assert (f"sha256:{lock.digest}", lock.pulled.rpartition("@")[0]) == (here.digest, registry.rpartition(":")[0])
    assert here.digest in images(here, "lab-2")
    assert not here.inventory.with_suffix(".image.tar").exists()
    assert "nothing to change" in here.up()
    assert here.in_sync()


def test_without_the_registry_it_is_said_and_the_next_up_is_through(here: Rack, registry: str) -> None:
    here.write(sudo=True, runtime={"container": "docker", "image": registry, "pull": "registry"})
    here.up()
    assert here.provision("down", "--purge").returncode == 0
    here.on("lab-1", "systemctl stop lab-registry")
    done = here.provision("up")
    assert done.returncode == 1
    assert "connection refused" in done.stdout + done.stderr
    assert f"docker pull {registry.rpartition(':')[0]}@sha256:" in done.stdout + done.stderr
    serve(here)
    here.up()


def test_one_that_the_controller_pulls_is_sent_to_the_hosts(here: Rack, registry: str) -> None:
    assert here.provision("down", "--purge").returncode == 0
    here.write(sudo=True, runtime={"container": "docker", "image": registry, "pull": "controller"})
    here.up()
    assert here.inventory.with_suffix(".image.tar").is_file()
    assert here.digest in images(here, "lab-2")
    assert here.in_sync()
