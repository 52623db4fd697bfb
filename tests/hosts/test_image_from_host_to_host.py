"""An image that the controller pulls, on three lab hosts with real Docker: it leaves the controller once, and goes from
host to host. The daemon that the controller's client talks to is lab-1's, so that lab-1 has the image already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_rack import Rack, docker_here
from registry import start_registry, stop_registry

from provision.lab.lab import Lab
from provision.lab.state import load

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

LACKING = ("lab-2", "lab-3")
RELAYING = "provision.payload.relay"


class Racked(Rack):
    """Whose image is pulled by its name."""

    name = ""

    def pull(self, **settings: object) -> None:
        runtime = {"container": "docker", "image": self.name, "pull": "controller"}
        self.write(sudo=True, runtime=runtime, **settings)

    @property
    def archive(self) -> Path:
        return self.inventory.with_suffix(".image.tar")

    def sent(self) -> int:
        """Bytes that this machine has sent to the hosts: what they send each other is not among them."""
        state = load(self.lab.directory)
        assert state is not None
        return int(Path(f"/sys/class/net/{state.bridge}/statistics/tx_bytes").read_text())

    def has_it(self, host: str) -> bool:
        return self.digest in self.on(host, "docker images -q --no-trunc")

    def left_over(self, host: str) -> list[str]:
        """Of what was sent there, and of the programs of a relay."""
        files = self.on(host, "find /opt/provision/uploads -type f 2>/dev/null").split()
        return [*files, *(line for line in self.on(host, "ps axww -o args=").splitlines() if RELAYING in line)]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Racked]:
    lab = Lab(name=f"test-image-relay-{os.getpid()}")
    lab.down()
    try:
        lab.up(hosts=3, gpus=2, containers="docker")
        made = Racked(lab, tmp_path_factory.mktemp("rack"), "docker")
        (lab.directory / "hosts/lab-1/upper/root.tar").write_bytes((made.folder / "standin.tar").read_bytes())
        made.on("lab-1", "docker load -i /root.tar; rm /root.tar")
        made.name = f"{start_registry(made, tmp_path_factory.mktemp('registry'))}/acme/vllm:1"
        made.on("lab-1", f"docker tag standin:1 {made.name} && docker push -q {made.name}")
        with docker_here(made, tmp_path_factory.mktemp("client"), "lab-1"):
            yield made
        stop_registry(made)
    finally:
        lab.down()


@pytest.fixture(autouse=True)
def bare(rack: Racked) -> None:
    """lab-1 has the image, the others do not."""
    rack.pull()
    done = rack.provision("down", "--purge")
    assert done.returncode == 0, done.stderr
    assert [rack.has_it(host) for host in ("lab-1", *LACKING)] == [True, False, False]


def test_it_leaves_the_controller_once(rack: Racked) -> None:
    before = rack.sent()
    said = rack.up()
    size = rack.archive.stat().st_size
    assert size > 64 << 20
    assert size < rack.sent() - before < 1.5 * size
    assert "sent from here" not in said
    for host in LACKING:
        assert rack.has_it(host)
        assert rack.left_over(host) == []
    assert "relayed" not in rack.up()
    assert rack.in_sync()


def test_behind_a_firewall_a_host_is_sent_it_from_here_and_it_is_said(rack: Racked) -> None:
    """Whichever of the two is first, the other does not reach it. The network proof would end this run before."""
    # A relay listens at one of the ports of Ray's workers: the stand-in needs none of them.
    rule = "INPUT -p tcp --syn -i eth0 --dport 20000:20999 -j DROP"
    for host in LACKING:
        assert "20000:20999" in rack.on(host, f"iptables -I {rule}; iptables -S")
    try:
        before = rack.sent()
        done = rack.provision("up", "--skip", "network")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        for host in LACKING:
            rack.on(host, f"iptables -D {rule}")
    assert "large files are sent from here, not from host to host: " in done.stdout + done.stderr
    assert rack.sent() - before > 1.5 * rack.archive.stat().st_size
    for host in LACKING:
        assert rack.has_it(host)
        assert rack.left_over(host) == []


def test_who_wants_no_relay_has_none(rack: Racked) -> None:
    rack.pull(transfer={"relay": "never"})
    before = rack.sent()
    rack.up()
    assert rack.sent() - before > 2 * rack.archive.stat().st_size
    assert rack.has_it("lab-3")
