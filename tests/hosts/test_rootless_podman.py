"""Ray and vLLM in containers of an ordinary user's Podman, on two lab hosts: no sudo, the user's own units, and the ids
that /etc/subuid gives that user."""

from __future__ import annotations

import shlex

import pytest
from container_rack import HOSTS, KEY, PODMAN, Rack, soon

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab"), PODMAN]


def own(rack: Rack, host: str, command: str) -> str:
    """What the user's own Podman says there."""
    script = f"export XDG_RUNTIME_DIR=/run/user/$(id -u); cd /; {command}"
    return rack.on(host, f"su ops -c {shlex.quote(script)} 2>&1 | grep -v 'not a shared mount'")


@pytest.fixture(scope="module")
def bare(rack: Rack) -> Rack:
    rack.write(sudo=True)
    assert rack.provision("down", "--purge").returncode == 0
    rack.write(sudo=False)
    return rack


@pytest.fixture(scope="module")
def running(bare: Rack) -> Rack:
    for host in HOSTS:
        bare.on(host, "loginctl enable-linger ops")
        assert soon(lambda host=host: "there" in bare.on(host, "[ -S /run/user/1000/systemd/private ] && echo there"))
    bare.up()
    return bare


def test_without_lingering_nothing_is_begun(bare: Rack) -> None:
    done = bare.provision("up")
    assert done.returncode == 1
    assert "podman would be rootless, and end with the logins of ops" in done.stdout + done.stderr
    assert "loginctl enable-linger" in done.stdout + done.stderr
    assert own(bare, "lab-1", "podman images -q") == ""


def test_a_second_up_changes_nothing_and_the_model_answers(running: Rack) -> None:
    assert "nothing to change" in running.up()
    assert running.in_sync()
    done = running.provision("smoke")
    assert done.returncode == 0, done.stderr
    assert running.on("lab-1", "podman ps -aq") == "", "root's Podman has no part in it"


def test_a_container_is_the_users_with_the_gpus_and_no_right(running: Rack) -> None:
    container = own(running, "lab-2", "podman ps -q").strip()
    assert own(running, "lab-2", f"podman exec {container} nvidia-smi -L").count("GPU ") == 2
    said = own(running, "lab-2", f"podman exec {container} sh -c 'id -u; grep -E Cap[BE] /proc/self/status'")
    assert said.split()[0] == "1000"
    assert "CapBnd:\t0000000000000000" in said
    first = own(running, "lab-1", "podman inspect -f '{{.State.Pid}}' $(podman ps -qf name=-vllm)").strip()
    assert running.on("lab-1", f"ps -o user= -p {first}").split() == ["ops"]


def test_no_secret_is_in_what_podman_shows_or_keeps(running: Rack) -> None:
    kept = "/var/lib/containers/rootless/overlay-containers"
    for host in HOSTS:
        token = running.on(host, "cat /home/ops/.provision/clusters/*/*/ray-token").strip()
        assert token
        shown = own(running, host, "podman inspect $(podman ps -q)") + running.on(host, f"ps axww; cat {kept}/*.json")
        shown += running.on(host, f"cat {kept}/*/userdata/*.json")
        assert "provision" in shown
        assert "No such file" not in shown
        assert KEY not in shown
        assert token not in shown


def test_a_container_that_is_removed_comes_back(running: Rack) -> None:
    before = own(running, "lab-1", "podman ps -qf name=-vllm")
    own(running, "lab-1", f"podman rm -f {before}")
    assert soon(lambda: own(running, "lab-1", "podman ps -qf name=-vllm") not in ("", before))
    assert soon(running.in_sync)


def test_a_host_that_boots_needs_nobody(running: Rack) -> None:
    running.lab.host("lab-2").reboot()
    assert soon(running.in_sync, 180)


def test_down_leaves_nothing_of_ours(running: Rack) -> None:
    assert running.provision("down").returncode == 0
    for host in HOSTS:
        assert own(running, host, "podman ps -aq") == ""
        assert running.digest.removeprefix("sha256:")[:12] in own(running, host, "podman images -q")
    assert "nothing to change" in running.provision("down").stdout
    # What is removed runs in no container.
    running.on("lab-2", "loginctl disable-linger ops")
    assert running.provision("down", "--purge").returncode == 0
    running.on("lab-2", "loginctl enable-linger ops")
    assert soon(lambda: "there" in running.on("lab-2", "[ -S /run/user/1000/systemd/private ] && echo there"))
    for host in HOSTS:
        assert own(running, host, "podman images -q") == ""


def test_the_copy_that_its_first_container_makes_needs_room_too(running: Rack) -> None:
    """Podman copies the layers with the ids that the user has in the container: seen to double what the image takes."""
    assert running.provision("down", "--purge").returncode == 0
    place = "/var/lib/containers/rootless"
    size = (running.folder / "standin.tar").stat().st_size
    running.on("lab-2", f"mount -t tmpfs -o uid=1000,gid=1000,mode=700,size={int(size * 1.8)} tmpfs {place}")
    try:
        done = running.provision("up")
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 1
        assert "are free where podman keeps images, and the image takes" in said
        assert "a copy of them with the ids of who runs containers without root" in said
        assert own(running, "lab-1", "podman images -q") == "", "nothing was begun"
        running.on("lab-2", f"mount -o remount,size={int(size * 2.2)} {place}")
        assert "keeps images" not in running.provision("plan").stdout
    finally:
        running.on("lab-2", f"umount {place}")


def test_what_is_missing_is_named_before_anything_is_changed(running: Rack) -> None:
    running.on("lab-2", "cp -p /etc/subuid /root/subuid; : > /etc/subuid")
    try:
        done = running.provision("check")
        assert "podman would be rootless, and ops has no subordinate ids" in done.stdout + done.stderr
        assert "usermod --add-subuids" in done.stdout + done.stderr
    finally:
        running.on("lab-2", "cp -p /root/subuid /etc/subuid")
