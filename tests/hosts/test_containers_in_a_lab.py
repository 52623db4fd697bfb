"""A lab's Docker is a real one: it runs what is loaded into it, on the host's network, and shows the stand-in GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.core.errors import UsageError
from provision.lab import Lab
from provision.lab.image import write_image

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

RUN = ("docker", "run", "--rm", "--network", "host", "--user", "1000")


class On:
    """The lab's host, as root there."""

    def __init__(self, lab: Lab) -> None:
        self._host = lab.host("lab-1")
        self.reboot = self._host.reboot

    def run(self, command: str) -> str:
        done = self._host.exec(["sh", "-c", command])
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(name=f"test-docker-{os.getpid()}")
    made.down()
    try:
        made.up(hosts=1, gpus=3, containers="docker")
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def image(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The host's own system, as an image."""
    base = next(path for path in sorted(lab.root.glob("base-*")) if (path / "usr/sbin/dockerd").exists())
    archive = lab.directory / "hosts/lab-1/upper/image.tar"
    digest = write_image(archive, "system:1", [base], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    copy = tmp_path_factory.mktemp("image") / "again.tar"
    assert write_image(copy, "system:1", [base], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) == digest
    assert copy.read_bytes() == archive.read_bytes(), "the same files give the same bytes"
    copy.unlink()
    return digest


def test_it_runs_what_was_loaded_and_shows_the_gpus(lab: Lab, image: str) -> None:
    host = On(lab)
    host.run("docker load -i /image.tar")
    assert host.run("docker image inspect -f '{{.Id}}' system:1").strip() == image
    said = host.run(f"{' '.join(RUN)} --gpus all system:1 sh -c 'nvidia-smi -L; hostname -I; id -u'")
    assert said.count("GPU ") == 3
    assert lab.status().hosts[0].address in said
    assert said.split()[-1] == "1000"


def test_without_gpus_a_container_has_none(lab: Lab, image: str) -> None:
    host = On(lab)
    host.run("docker load -i /image.tar")
    assert "none" in host.run(f"{' '.join(RUN)} system:1 sh -c 'command -v nvidia-smi || echo none'")


def test_what_containers_leave_survives_a_reboot_and_goes_with_the_lab(lab: Lab, image: str) -> None:
    host = On(lab)
    host.run("docker load -i /image.tar")
    host.reboot()
    assert image in host.run("docker images -q --no-trunc")
    assert (lab.directory / "hosts/lab-1/storage/overlay2").is_dir()


def test_another_kind_of_lab_is_not_taken_for_it(lab: Lab) -> None:
    with pytest.raises(UsageError, match="and docker"):
        lab.up(hosts=1, gpus=3)


def test_without_root_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="need root"):
        Lab(tmp_path, name="x").up(hosts=1, gpus=0, containers="docker", rootless=True)
    assert not (tmp_path / "x").exists()
