"""What goes wrong with containers on real Docker and Podman: each is named, with what to type, and the next `up` is
through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from container_rack import DOCKER, Rack, soon
from standin_image import write_standin_image

from provision.lab.containers import KINDS

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

LISTENER = "import socket, time; s = socket.create_server((str(), 6379)); time.sleep(600)"


@pytest.fixture
def bare(rack: Rack) -> Rack:
    """Nothing of ours runs, and the image is on both hosts."""
    rack.write(sudo=True)
    rack.up()
    assert rack.provision("down").returncode == 0
    return rack


def test_a_container_that_is_left_of_a_cluster_made_by_hand_is_named(bare: Rack) -> None:
    left_by_hand(bare)
    bare.up()


@DOCKER
def test_who_may_use_docker_is_told_as_well(bare: Rack) -> None:
    bare.write(sudo=False)
    left_by_hand(bare)


def left_by_hand(bare: Rack) -> None:
    # As vLLM's run_cluster.sh does: the command line of the container's shell names the port.
    command = f'python3 -c "{LISTENER}" --port=6379'
    bare.on("lab-1", f"$engine run -d --name node-4711 --network host --entrypoint /bin/bash standin:1 -c '{command}'")
    try:
        done = bare.provision("up")
        said = done.stdout + done.stderr
        assert done.returncode == 1
        # Podman puts a registry in front of the name.
        assert re.search(r"the container node-4711 of (?:localhost/)?standin:1, up since 2", " ".join(said.split()))
        assert f"{bare.engine} rm -f node-4711" in said
        assert bare.on("lab-1", "$engine ps --format '{{.Names}}'").split() == ["node-4711"], "nothing was begun"
    finally:
        bare.on("lab-1", "$engine rm -f node-4711")


def test_an_image_that_was_removed_on_one_host_is_named_and_loaded_there_alone(bare: Rack) -> None:
    bare.on("lab-2", f"$engine rmi -f {bare.digest}")
    done = bare.provision("check")
    assert done.returncode == 3
    assert any("image is `not on the host`" in said for said in bare.findings())
    assert "fixes it" in done.stdout + done.stderr
    said = bare.up()
    assert "lab-2  receiving files" in said
    assert "lab-1  receiving files" not in said
    assert bare.in_sync()


def test_another_image_under_its_name_on_one_host_is_told_from_it(bare: Rack, tmp_path: Path) -> None:
    other = write_standin_image(bare.lab, tmp_path / "other.tar", tmp_path / "made-of", more="another")
    (bare.lab.directory / "hosts/lab-2/upper/other.tar").write_bytes((tmp_path / "other.tar").read_bytes())
    bare.on("lab-2", f"$engine rmi -f {bare.digest}; $engine load -i /other.tar; rm /other.tar")
    try:
        found = [said for said in bare.findings() if "image is" in said]
        assert any(f"another one, {other[7:19]}, is called standin:1 there" in said for said in found)
        bare.up()
        assert bare.in_sync()
        assert other in bare.on("lab-2", "$engine images -q --no-trunc"), "it is not ours to remove"
    finally:
        bare.on("lab-2", f"$engine rmi -f {other}")


def test_a_container_that_is_killed_comes_back_by_itself(bare: Rack) -> None:
    bare.up()
    before = bare.on("lab-2", "$engine ps -q")
    bare.on("lab-2", "$engine kill $($engine ps -q)")
    assert soon(lambda: bare.on("lab-2", "$engine ps -q") not in ("", before))
    assert soon(bare.in_sync)
    assert "nothing to change" in bare.up()


def test_a_full_disk_while_an_image_is_loaded_is_said_and_the_next_up_is_through(bare: Rack) -> None:
    assert bare.provision("down", "--purge").returncode == 0
    docker = bare.engine == "docker"
    place = KINDS[bare.engine].storage
    # Room for the file and what is unpacked of it, and not for all that is written while it is loaded.
    room = int((bare.folder / "standin.tar").stat().st_size * (2.04 if docker else 1.04))
    stop, start = ("systemctl stop docker.socket docker", "systemctl start docker") if docker else ("true", "true")
    bare.on("lab-2", f"rmdir /opt/provision; {stop}; mount -t tmpfs -o size={room} tmpfs {place}; {start}")
    try:
        done = bare.provision("up")
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "no space left on device" in said
        assert f"`{bare.engine} system df`" in said
        assert bare.on("lab-1", "$engine ps -q") == "", "nothing was started"
        assert bare.on("lab-2", "stat -c %a /opt/provision") == "755\n", "what it has made is no way that is closed"
    finally:
        bare.on("lab-2", f"{stop}; umount -R {place}; {start}")
    bare.up()
    assert bare.in_sync()


def test_too_little_room_to_unpack_the_file_blocks_before_anything_is_sent(bare: Rack) -> None:
    """Docker does that beside the images, Podman in /var/tmp."""
    assert bare.provision("down", "--purge").returncode == 0
    size = (bare.folder / "standin.tar").stat().st_size
    docker = bare.engine == "docker"
    place, times = (KINDS["docker"].storage, 1.8) if docker else ("/var/tmp", 0.8)
    stop, start = ("systemctl stop docker.socket docker", "systemctl start docker") if docker else ("true", "true")
    bare.on("lab-2", f"{stop}; mount -t tmpfs -o size={int(size * times)} tmpfs {place}; {start}")
    try:
        done = bare.provision("up")
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 1
        assert (
            "what is unpacked of it while it is loaded" if docker else "where podman unpacks the image's file"
        ) in said
        assert bare.on("lab-1", "$engine images -q") == "", "nothing was begun"
        bare.on("lab-2", f"mount -o remount,size={int(size * (times + 0.4))} {place}")
        said = bare.provision("plan").stdout
        assert "image" in said and "unpack" not in said and "is not known" not in said
    finally:
        bare.on("lab-2", f"{stop}; umount -R {place}; {start}")


@DOCKER
def test_an_image_whose_daemon_is_stopped_is_not_forgotten_by_down_purge(bare: Rack) -> None:
    bare.on("lab-2", "systemctl stop docker.socket docker")
    try:
        done = bare.provision("down", "--purge")
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 1
        assert "docker does not answer: " in said and f"so what was loaded stays: {bare.digest}" in said
        assert "`systemctl status docker` on lab-2; then `down --purge` again" in said
        folder = f"{bare.lab.name}/lab-2"
        assert f"skipped the folder of {folder}: it stays, since this is in it: image" in said
        assert f"removed the folder of {folder}" not in said
        assert bare.digest not in bare.on("lab-1", "$engine images -q --no-trunc"), "the others are done"
    finally:
        bare.on("lab-2", "systemctl start docker")
    assert bare.digest in bare.on("lab-2", "$engine images -q --no-trunc")
    assert bare.provision("down", "--purge").returncode == 0
    assert bare.digest not in bare.on("lab-2", "$engine images -q --no-trunc")
