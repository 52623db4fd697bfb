"""What goes wrong with containers on real Docker: each is named, with what to type, and the next `up` is through."""

from __future__ import annotations

import pytest
from container_rack import Rack

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

LISTENER = "import socket, time; s = socket.create_server((str(), 6379)); time.sleep(600)"


@pytest.fixture
def bare(rack: Rack) -> Rack:
    """Nothing of ours runs, and the image is on both hosts."""
    rack.write(sudo=True)
    rack.up()
    assert rack.provision("down").returncode == 0
    return rack


@pytest.mark.parametrize("sudo", [True, False], ids=["root", "who may use Docker"])
def test_a_container_that_is_left_of_a_cluster_made_by_hand_is_named(bare: Rack, sudo: bool) -> None:
    bare.write(sudo=sudo)
    # As vLLM's run_cluster.sh does: the command line of the container's shell names the port.
    command = f'python3 -c "{LISTENER}" --port=6379'
    bare.on("lab-1", f"docker run -d --name node-4711 --network host --entrypoint /bin/bash standin:1 -c '{command}'")
    try:
        done = bare.provision("up")
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "the container node-4711 of standin:1, up since 2" in said
        assert "docker rm -f node-4711" in said
        assert bare.on("lab-1", "docker ps --format '{{.Names}}'").split() == ["node-4711"], "nothing was begun"
    finally:
        bare.on("lab-1", "docker rm -f node-4711")
    if sudo:
        bare.up()
