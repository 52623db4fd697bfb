"""Ray and vLLM in containers, on real Docker and Podman: brought up, looked at, damaged in every way that we know, and
taken down.

The stack is the stand-in one, in an image of its own; the real one is that of tests/cluster/test_demo.py.
"""

from __future__ import annotations

import pytest
import yaml
from container_rack import DOCKER, HOSTS, KEPT, KEY, PODMAN, TOOLKIT, Rack, soon
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
    form = '{{.Name}} {{index .Config.Labels "provision"}} {{.Config.Image}}'
    seen = running.on("lab-1", f"$engine inspect --format '{form}' $($engine ps -q)").splitlines()
    cluster = yaml.safe_load(running.inventory.read_text())["cluster"]
    wanted = {f"provision-{cluster}-lab-1-{name} {cluster}/lab-1/{name}" for name in ("ray", "vllm")}
    assert {line.lstrip("/").rpartition(" ")[0] for line in seen} == wanted
    assert {line.rpartition(" ")[2] for line in seen} == {running.digest}


def test_the_gpus_are_there_and_no_right_is(running: Rack) -> None:
    container = running.on("lab-2", "$engine ps -q").strip()
    assert running.on("lab-2", f"$engine exec {container} nvidia-smi -L").count("GPU ") == 2
    said = running.on("lab-2", f"$engine exec {container} sh -c 'id -u; grep -E Cap[BE] /proc/self/status'")
    assert said.split()[0] != "0"
    assert "CapBnd:\t0000000000000000" in said
    assert "stand-in" in running.on("lab-1", "$engine logs $($engine ps -qf name=-vllm)")


def test_no_secret_is_in_what_the_engine_shows_or_keeps(running: Rack) -> None:
    for host in HOSTS:
        token = running.on(host, "cat /opt/provision/clusters/*/*/ray-token").strip()
        assert token
        shown = running.on(host, f"$engine inspect $($engine ps -q); ps axww; cat {KEPT[running.engine]}")
        assert "provision" in shown
        assert "No such file" not in shown
        assert KEY not in shown
        assert token not in shown


def test_a_person_asks_ray_in_a_container(running: Rack) -> None:
    """Though the services' user may start none."""
    done = running.provision("ray", "--", "status")
    assert done.returncode == 0, done.stderr
    assert "status of " in done.stdout and "token is readable" in done.stdout


def test_a_container_that_is_removed_comes_back(running: Rack) -> None:
    before = running.on("lab-1", "$engine ps -qf name=-vllm")
    running.on("lab-1", f"$engine rm -f {before}")
    assert soon(lambda: running.on("lab-1", "$engine ps -qf name=-vllm") not in ("", before))
    assert soon(running.in_sync)


def test_one_that_is_paused_is_noticed(running: Rack) -> None:
    running.on("lab-1", "$engine pause $($engine ps -qf name=-vllm)")
    try:
        assert any("vLLM" in said or "port" in said for said in running.findings())
    finally:
        running.on("lab-1", "$engine unpause $($engine ps -aqf name=-vllm)")
    assert soon(running.in_sync)


def test_other_settings_restart_the_containers(running: Rack) -> None:
    before = running.on("lab-1", "$engine ps -q")
    running.write(sudo=True, runtime={"container": running.engine, "image": "./standin.tar", "mounts": ["/srv"]})
    assert not running.in_sync()
    running.up()
    assert running.in_sync()
    assert running.on("lab-1", "$engine ps -q") != before
    assert "/srv:/srv" in running.on("lab-1", "$engine inspect -f '{{.HostConfig.Binds}}' $($engine ps -q)")


def test_changed_programs_are_written_anew(running: Rack) -> None:
    running.on("lab-2", "echo '#' | tee -a /opt/provision/clusters/*/lab-2/image/*/bin/ray")
    assert running.findings()
    running.up()
    assert running.in_sync()


@DOCKER
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
    running.on("lab-2", f"mv {TOOLKIT[running.engine]} /root/toolkit")
    try:
        assert any("toolkit" in said for said in running.findings())
    finally:
        running.on("lab-2", f"mv /root/toolkit {TOOLKIT[running.engine]}")


def test_down_removes_ours_and_nothing_else(running: Rack) -> None:
    name = "provision-of-somebody-else"
    running.on("lab-1", f"$engine run -d --name {name} --network host standin:1 sleep 1000")
    try:
        done = running.provision("down")
        assert done.returncode == 0, done.stderr
        assert running.on("lab-1", "$engine ps -a --format '{{.Names}}'").split() == [name]
        assert "nothing to change" in running.provision("down").stdout
        assert running.digest in running.on("lab-1", "$engine images -q --no-trunc"), "as an environment, it stays"
    finally:
        running.on("lab-1", f"$engine rm -f {name}")
    done = running.provision("down", "--purge")
    assert done.returncode == 0, done.stderr
    assert running.digest not in running.on("lab-1", "$engine images -q --no-trunc")
    for host in HOSTS:
        assert running.on(host, "find /opt/provision -mindepth 1") == "", "not even empty folders"
    assert "nothing to change" in running.provision("down", "--purge").stdout


def test_an_image_that_was_there_before_stays(rack: Rack) -> None:
    rack.provision("down", "--purge")
    for host in HOSTS:
        folder = rack.lab.directory / "hosts" / host / "upper"
        (folder / "root.tar").write_bytes((rack.folder / "standin.tar").read_bytes())
        rack.on(host, "$engine load -i /root.tar; rm /root.tar")
    rack.write(sudo=True)
    assert "receiving files" not in rack.up()
    assert rack.provision("down", "--purge").returncode == 0
    assert rack.digest in rack.on("lab-1", "$engine images -q --no-trunc")


@DOCKER
def test_without_sudo_whoever_may_use_docker_runs_them(rack: Rack) -> None:
    rack.provision("down", "--purge")
    rack.write(sudo=False)
    rack.up()
    assert rack.in_sync()
    first = "$($engine inspect -f '{{.State.Pid}}' $($engine ps -qf name=-vllm))"
    assert rack.on("lab-1", f"ps -o user= -p {first}").split() == ["ops"]
    assert rack.provision("down", "--purge").returncode == 0


@DOCKER
def test_who_may_not_use_docker_is_told_so(rack: Rack) -> None:
    rack.write(sudo=False)
    rack.on("lab-2", "gpasswd -d ops docker")
    try:
        done = rack.provision("check")
        assert "may not be used by ops" in done.stdout + done.stderr
        assert "usermod -aG docker" in done.stdout + done.stderr
    finally:
        rack.on("lab-2", "usermod -aG docker ops")


@PODMAN
def test_a_proxy_is_not_in_what_podman_shows(rack: Rack) -> None:
    """Podman passes on what its own environment says of a proxy, if it may, and shows it to whoever inspects: with its
    password, if it has one."""
    rack.write(sudo=True, env={"HTTPS_PROXY": "http://canary-proxy.invalid:1"})
    rack.up()
    for host in HOSTS:
        assert "canary-proxy" not in rack.on(host, f"podman inspect $(podman ps -q); cat {KEPT['podman']}")
    assert rack.provision("down").returncode == 0
