"""A lab's Docker and Podman are real ones: each runs what is loaded into it, on the host's network, and shows the
stand-in GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin_image import base_of

from provision.core.errors import UsageError
from provision.lab import Lab
from provision.lab.image import write_image
from provision.lab.state import Containers

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

RUN = "run --rm --network host --user 1000"
#: What shows a container the GPUs.
GPUS = {"docker": "--gpus all", "podman": "--device nvidia.com/gpu=all"}


class On:
    """The lab's host, as root there."""

    def __init__(self, lab: Lab, engine: str) -> None:
        self._host, self._engine = lab.host("lab-1"), engine
        self.reboot = self._host.reboot

    def run(self, words: str) -> str:
        """Of what runs containers."""
        done = self._host.exec(["sh", "-c", f"{self._engine} {words}"])
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Containers:
    return request.param


@pytest.fixture(scope="module")
def lab(engine: Containers) -> Iterator[Lab]:
    made = Lab(name=f"test-in-{engine}-{os.getpid()}")
    made.down()
    try:
        made.up(hosts=1, gpus=3, containers=engine)
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def image(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The host's own system, as an image."""
    base = base_of(lab)
    archive = lab.directory / "hosts/lab-1/upper/image.tar"
    digest = write_image(archive, "system:1", [base], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    copy = tmp_path_factory.mktemp("image") / "again.tar"
    assert write_image(copy, "system:1", [base], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}) == digest
    assert copy.read_bytes() == archive.read_bytes(), "the same files give the same bytes"
    copy.unlink()
    return digest


def test_it_runs_what_was_loaded_and_shows_the_gpus(lab: Lab, engine: Containers, image: str) -> None:
    host = On(lab, engine)
    host.run("load -i /image.tar")
    assert host.run("image inspect -f '{{.Id}}' system:1").strip() in (image, image.removeprefix("sha256:"))
    said = host.run(f"{RUN} {GPUS[engine]} system:1 sh -c 'nvidia-smi -L; hostname -I; id -u'")
    assert said.count("GPU ") == 3
    assert lab.status().hosts[0].address in said
    assert said.split()[-1] == "1000"


def test_without_gpus_a_container_has_none(lab: Lab, engine: Containers, image: str) -> None:
    host = On(lab, engine)
    host.run("load -i /image.tar")
    assert "none" in host.run(f"{RUN} system:1 sh -c 'command -v nvidia-smi || echo none'")


def test_what_containers_leave_survives_a_reboot_and_goes_with_the_lab(
    lab: Lab, engine: Containers, image: str
) -> None:
    host = On(lab, engine)
    host.run("load -i /image.tar")
    host.reboot()
    assert image in host.run("images -q --no-trunc")
    assert list((lab.directory / "hosts/lab-1/storage").glob("overlay*"))


def test_another_kind_of_lab_is_not_taken_for_it(lab: Lab, engine: Containers) -> None:
    with pytest.raises(UsageError, match=f"and {engine}"):
        lab.up(hosts=1, gpus=3)


def test_without_root_there_is_none(engine: Containers, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"leave out --{engine}|need root"):
        Lab(tmp_path, name="x").up(hosts=1, gpus=0, containers=engine, rootless=True)
    assert not (tmp_path / "x").exists()
