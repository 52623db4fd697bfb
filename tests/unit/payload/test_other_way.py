"""What a host says of a cluster that was brought up the other way, with `sudo` or without: by the shells of hosts, with
places below a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.cluster.other_way import FACT, question

pytestmark = pytest.mark.needs("root")  # files of two users

USER = 4711


class Host:
    def __init__(self, folder: Path, sh: str) -> None:
        self.folder, self.sh = folder, sh
        (folder / "bin").mkdir()
        folder.chmod(0o755)
        self._program("systemctl", "echo active")

    def _program(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def put(self, path: str, text: str = "", user: int = 0) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        for one in (place, *place.relative_to(self.folder).parents):
            one = self.folder / one
            if one != self.folder:
                os.chown(one, user, user)

    def told(self, *, sudo: bool) -> list[list[str]]:
        """`sudo`: root asks, for the user who logged in."""
        self._program("getent", f"echo ops:x:{USER}:{USER}::{self.folder}/home:/bin/sh")
        self._program("id", "exec /usr/bin/id -u" if sudo else f"echo {USER}")
        script = question("demo")[FACT]
        body = script.body
        for place in ("/opt/provision", "/etc/systemd/system"):
            body = body.replace(place, f"{self.folder}{place}")
        environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": f"{self.folder}/{'root' if sudo else 'home'}",
            **({"SUDO_UID": str(USER)} if sudo else {}),
            **{name: str(value) for name, value in script.vars.items()},
        }
        argv = ["timeout", "60", self.sh, "-c", body]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(params=["dash", "bash"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path, str(request.param))


UNIT = "[Unit]\nDescription=provision: demo/gpu-01/vllm\n"


def with_sudo(host: Host) -> None:
    host.put("opt/provision/clusters/demo/gpu-01/vllm/stamp")
    host.put("opt/provision/clusters/other/gpu-01/vllm/stamp")
    host.put("opt/provision/envs/current-demo")
    host.put("etc/systemd/system/provision-demo-gpu-01-vllm.service", UNIT)
    host.put("etc/systemd/system/provision-other.service", UNIT.replace("demo", "other"))


def without(host: Host) -> None:
    host.put("home/.provision/clusters/demo/gpu-01/ray-token", user=USER)
    host.put("home/.config/systemd/user/provision-demo-gpu-01-vllm.service", UNIT, user=USER)


def test_without_sudo_what_root_has_made_is_told(host: Host) -> None:
    with_sudo(host)
    assert host.told(sudo=False) == [
        ["there", "gpu-01/vllm"],
        ["environment", f"{host.folder}/opt/provision/envs/current-demo"],
        ["unit", "demo/gpu-01/vllm", f"{host.folder}/etc/systemd/system/provision-demo-gpu-01-vllm.service"],
        ["runs", "demo/gpu-01/vllm"],
        ["base", f"{host.folder}/opt/provision"],
    ]


def test_with_sudo_what_the_user_has_made_is_told(host: Host) -> None:
    without(host)
    host.put("opt/provision/clusters/demo/gpu-01/vllm/stamp")
    assert host.told(sudo=True) == [
        ["there", "gpu-01/ray-token"],
        ["now", "gpu-01"],
        ["unit", "demo/gpu-01/vllm", f"{host.folder}/home/.config/systemd/user/provision-demo-gpu-01-vllm.service"],
        ["base", f"{host.folder}/home/.provision"],
    ]


def test_what_runs_of_the_user_is_told_by_the_place_that_it_names(host: Host) -> None:
    without(host)
    base = f"{host.folder}/home/.provision"
    marks = {f"{base}/envs/x/bin": "ray", f"{host.folder}/opt/provision/envs/x": "vllm"}
    running = [
        subprocess.Popen(["sleep", "60"], env={"PROVISION_SERVICE": f"demo/gpu-01/{name}", "A": place}, user=USER)
        for place, name in marks.items()
    ]
    try:
        assert [words[1:] for words in host.told(sudo=True) if words[0] == "runs"] == [["demo/gpu-01/ray"]]
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.mark.parametrize("sudo", [True, False])
def test_what_others_have_put_there_is_not_told(host: Host, sudo: bool) -> None:
    host.put("opt/provision/clusters/demo/gpu-01/vllm/stamp", user=USER)
    host.put("home/.provision/clusters/demo/gpu-01/vllm/stamp")
    assert {words[0] for words in host.told(sudo=sudo)} <= {"base", "now"}


def test_a_name_that_would_be_a_line_of_its_own_is_not_told(host: Host) -> None:
    mark, base = "demo/gpu-01/ray", f"{host.folder}/home/.provision"
    for name in (f"b\nruns\t{mark}", "c\x7f", "d\rnow"):
        host.put(f"home/.provision/clusters/demo/gpu-01/{name}", user=USER)
        host.put(f"home/.config/systemd/user/provision-{name.replace('/', '-')}.service", UNIT, user=USER)
    (host.folder / "opt/provision/clusters/demo/x\nruns\ty").mkdir(parents=True)
    host.put("home/.config/systemd/user/provision-a.service", UNIT.replace("vllm", "v\tllm"), user=USER)
    assert host.told(sudo=True) == [["base", base]]
    environ = {"PROVISION_SERVICE": f"{mark}\tx", "A": f"{base}/envs"}
    with subprocess.Popen(["sleep", "60"], env=environ, user=USER) as process:
        try:
            assert host.told(sudo=True) == [["base", base]]
        finally:
            process.kill()


def test_only_plain_files_are_opened_as_units_and_not_read_without_end(host: Host) -> None:
    host.put("home/.config/systemd/user/provision-far.service", "\n" * 65536 + UNIT, user=USER)
    host.put("home/elsewhere", UNIT, user=USER)
    units = host.folder / "home/.config/systemd/user"
    (units / "provision-link.service").symlink_to(host.folder / "home/elsewhere")
    os.mkfifo(units / "provision-fifo.service")
    for name in ("link", "fifo"):
        os.chown(units / f"provision-{name}.service", USER, USER, follow_symlinks=False)
    assert host.told(sudo=True) == [["base", f"{host.folder}/home/.provision"]]
