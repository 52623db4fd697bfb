"""Ray and vLLM in containers, on real Docker: brought up, looked at, damaged in every way that we know, and taken down.

The stack is the stand-in one, in an image of its own; the real one is that of tests/cluster/test_demo.py.
"""

from __future__ import annotations

import pytest
import yaml
from container_rack import HOSTS, KEY, Rack, soon
from standin_image import write_standin_image

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]


@pytest.fixture
def running(rack: Rack) -> Rack:
    rack.write(sudo=True)
    rack.up()
    return rack


def test_a_second_up_changes_nothing_and_check_is_in_sync(running: Rack) -> None:
    assert "nothing to change" in running.up()
    assert running.in_sync()
    done = running.provision("smoke")
    assert done.returncode == 0, done.stderr


def test_containers_say_whose_they_are_and_of_which_image(running: Rack) -> None:
    seen = running.on("lab-1", "docker ps --no-trunc --format '{{.Names}} {{.Labels}} {{.Image}}'").splitlines()
    cluster = yaml.safe_load(running.inventory.read_text())["cluster"]
    wanted = {f"provision-{cluster}-lab-1-{name} provision={cluster}/lab-1/{name}" for name in ("ray", "vllm")}
    assert {line.rpartition(" ")[0] for line in seen} == wanted
    assert {line.rpartition(" ")[2] for line in seen} == {running.digest}


def test_the_gpus_are_there_and_no_right_is(running: Rack) -> None:
    container = running.on("lab-2", "docker ps -q").strip()
    assert running.on("lab-2", f"docker exec {container} nvidia-smi -L").count("GPU ") == 2
    said = running.on("lab-2", f"docker exec {container} sh -c 'id -u; grep CapBnd /proc/self/status'")
    assert said.split()[0] != "0"
    assert "CapBnd:\t0000000000000000" in said
    assert "stand-in" in running.on("lab-1", "docker logs $(docker ps -qf name=-vllm)")


def test_no_secret_is_in_what_docker_shows_or_keeps(running: Rack) -> None:
    for host in HOSTS:
        token = running.on(host, "cat /opt/provision/clusters/*/*/ray-token").strip()
        assert token
        shown = running.on(host, "docker inspect $(docker ps -q); ps axww; cat /var/lib/docker/containers/*/*.json")
        assert "provision" in shown
        assert KEY not in shown
        assert token not in shown


def test_a_container_that_is_removed_comes_back(running: Rack) -> None:
    running.on("lab-1", "docker rm -f $(docker ps -qf name=-vllm)")
    assert running.findings()
    assert soon(running.in_sync)


def test_one_that_is_paused_is_noticed(running: Rack) -> None:
    running.on("lab-1", "docker pause $(docker ps -qf name=-vllm)")
    try:
        assert any("vLLM" in said or "port" in said for said in running.findings())
    finally:
        running.on("lab-1", "docker unpause $(docker ps -aqf name=-vllm)")
    assert soon(running.in_sync)


def test_other_settings_restart_the_containers(running: Rack) -> None:
    before = running.on("lab-1", "docker ps -q")
    running.write(sudo=True, runtime={"container": "docker", "image": "./standin.tar", "mounts": ["/srv"]})
    assert not running.in_sync()
    running.up()
    assert running.in_sync()
    assert running.on("lab-1", "docker ps -q") != before
    assert "/srv:/srv" in running.on("lab-1", "docker inspect -f '{{.HostConfig.Binds}}' $(docker ps -q)")


def test_changed_programs_are_written_anew(running: Rack) -> None:
    running.on("lab-2", "echo '#' | tee -a /opt/provision/clusters/*/lab-2/image/*/bin/ray")
    assert running.findings()
    running.up()
    assert running.in_sync()


def test_a_daemon_that_is_stopped_is_said_once_and_all_comes_back_with_it(running: Rack) -> None:
    running.on("lab-1", "systemctl stop docker.socket docker")
    try:
        assert any("does not answer" in said for said in running.findings())
        done = running.provision("up")
        assert done.returncode == 1
        assert "systemctl status docker" in done.stdout + done.stderr
    finally:
        running.on("lab-1", "systemctl start docker")
    assert soon(running.in_sync)


def test_a_host_that_boots_needs_nobody(running: Rack) -> None:
    running.lab.host("lab-2").reboot()
    assert soon(running.in_sync, 180)


def test_an_image_that_is_another_by_now_is_not_taken_for_it(running: Rack) -> None:
    kept = running.folder / "kept.tar"
    archive = running.folder / "standin.tar"
    archive.rename(kept)
    try:
        other = write_standin_image(running.lab, archive, running.folder / "made-of", more="another")
        assert other != running.digest
        assert running.in_sync(), "the lock says which one it is"
        running.on("lab-2", "rm -rf /opt/provision/clusters/*/lab-2/image")
        done = running.provision("up")
        assert done.returncode == 1
        assert "provision lock" in done.stdout + done.stderr
    finally:
        kept.replace(archive)
    running.up()


def test_without_the_toolkit_no_container_is_started(running: Rack) -> None:
    running.on("lab-2", "mv /usr/bin/nvidia-container-runtime-hook /root/")
    try:
        assert any("toolkit" in said for said in running.findings())
    finally:
        running.on("lab-2", "mv /root/nvidia-container-runtime-hook /usr/bin/")


def test_down_removes_ours_and_nothing_else(running: Rack) -> None:
    name = "provision-of-somebody-else"
    running.on("lab-1", f"docker run -d --name {name} --network host standin:1 sleep 1000")
    try:
        done = running.provision("down")
        assert done.returncode == 0, done.stderr
        assert running.on("lab-1", "docker ps -a --format '{{.Names}}'").split() == [name]
        assert "nothing to change" in running.provision("down").stdout
        assert running.digest in running.on("lab-1", "docker images -q --no-trunc"), "as an environment, it stays"
    finally:
        running.on("lab-1", f"docker rm -f {name}")
    done = running.provision("down", "--purge")
    assert done.returncode == 0, done.stderr
    assert running.digest not in running.on("lab-1", "docker images -q --no-trunc")


def test_an_image_that_was_there_before_stays(rack: Rack) -> None:
    rack.provision("down", "--purge")
    for host in HOSTS:
        folder = rack.lab.directory / "hosts" / host / "upper"
        (folder / "root.tar").write_bytes((rack.folder / "standin.tar").read_bytes())
        rack.on(host, "docker load -i /root.tar; rm /root.tar")
    rack.write(sudo=True)
    assert "receiving files" not in rack.up()
    assert rack.provision("down", "--purge").returncode == 0
    assert rack.digest in rack.on("lab-1", "docker images -q --no-trunc")


def test_without_sudo_whoever_may_use_docker_runs_them(rack: Rack) -> None:
    rack.provision("down", "--purge")
    rack.write(sudo=False)
    rack.up()
    assert rack.in_sync()
    first = "$(docker inspect -f '{{.State.Pid}}' $(docker ps -qf name=-vllm))"
    assert rack.on("lab-1", f"ps -o user= -p {first}").split() == ["ops"]
    assert rack.provision("down", "--purge").returncode == 0


def test_who_may_not_use_docker_is_told_so(rack: Rack) -> None:
    rack.write(sudo=False)
    rack.on("lab-2", "gpasswd -d ops docker")
    try:
        done = rack.provision("check")
        assert "may not be used by ops" in done.stdout + done.stderr
        assert "usermod -aG docker" in done.stdout + done.stderr
    finally:
        rack.on("lab-2", "usermod -aG docker ops")
