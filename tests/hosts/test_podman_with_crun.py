"""Ray and vLLM in containers of Podman whose runtime is crun, its default on many systems: root's, and a user's.
The lab's is runc, since crun refuses some machines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from container_rack import HOSTS, PODMAN, Rack, soon

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab"), PODMAN]

SETTINGS = "/etc/containers/containers.conf"


@pytest.fixture
def with_crun(rack: Rack) -> Iterator[Rack]:
    rack.write(sudo=True)
    assert rack.provision("down").returncode == 0
    try:
        for host in HOSTS:
            rack.on(host, f'cp -p {SETTINGS} /root/runc; sed -i \'s/"runc"/"crun"/\' {SETTINGS}')
            assert rack.on(host, "podman info -f '{{.Host.OCIRuntime.Name}}'").strip() == "crun"
        yield rack
        assert rack.provision("down", "--purge").returncode == 0
    finally:
        for host in HOSTS:
            rack.on(host, f"cp -p /root/runc {SETTINGS}")


@pytest.mark.parametrize("sudo", [True, False], ids=["root", "user"])
def test_the_model_answers_and_a_second_up_changes_nothing(with_crun: Rack, sudo: bool) -> None:
    with_crun.write(sudo=sudo)
    if not sudo:
        for host in HOSTS:
            with_crun.on(host, "loginctl enable-linger ops")
            assert soon(
                lambda h=host: "there" in with_crun.on(h, "[ -S /run/user/1000/systemd/private ] && echo there")
            )
    done = with_crun.provision("up")
    said = done.stdout + done.stderr
    if "cgroups in hybrid mode not supported" in said:
        pytest.skip("crun refuses this machine, which has controllers in both versions of control groups")
    assert done.returncode == 0, said
    listing = "podman inspect -f '{{.OCIRuntime}}' $(podman ps -q)"
    asked = listing if sudo else f"su ops -c {shlex.quote(f'export XDG_RUNTIME_DIR=/run/user/1000; cd /; {listing}')}"
    assert {line for line in with_crun.on("lab-1", asked).splitlines() if "level=" not in line} == {"crun"}
    assert "nothing to change" in with_crun.up()
    assert with_crun.in_sync()
    smoke = with_crun.provision("smoke")
    assert smoke.returncode == 0, smoke.stderr
