"""`make_host()` starts an sshd on a loopback address and gives the inventory's `Host` for it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from container_rack import Rack
from loopback import Sshd, Sshds, Users, keygen, prepare_sshd
from uv import find_uv_bin

from provision.inventory.models import Host
from provision.lab.lab import Lab


@pytest.fixture
def sshds(tmp_path: Path) -> Iterator[Sshds]:
    prepare_sshd()
    folder = tmp_path / "ssh"
    folder.mkdir()
    known_hosts = folder / "known_hosts"
    known_hosts.touch(0o600)
    servers = Sshds(folder, keygen(folder / "key"), known_hosts)
    yield servers
    for server in servers.running:
        server.stop()


@pytest.fixture
def server(sshds: Sshds) -> Sshd:
    """One whose key is known."""
    server = sshds.start()
    sshds.trust(server)
    return server


@pytest.fixture
def make_host(sshds: Sshds) -> Callable[..., Host]:
    """`make_host(*sshd_options, **how)`: starts an sshd, trusts its key, and gives the Host to reach it.
    `how`: `user`, `sudo`, `name`, and the inventory's ssh settings."""

    def make(*options: str, **how: object) -> Host:
        server = sshds.start(*options, startup="user" in how)
        sshds.trust(server)
        return sshds.host(server, **how)  # type: ignore[arg-type]

    return make


@pytest.fixture
def user(sshds: Sshds) -> Iterator[Users]:
    """`user.make(shell, password, sudoers)`: a temporary account's name. Needs root. Its sshds are ended first."""
    users = Users(sshds.key)
    yield users
    for server in sshds.running:
        server.stop()
    users.remove()


@pytest.fixture(scope="session")
def hub_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment that has what vLLM's has for this."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", folder], check=True)
    install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", folder / "bin/python", "huggingface_hub"]
    subprocess.run(install, check=True)
    return str(folder / "bin/python")


@pytest.fixture(scope="session", params=["docker", "podman"])
def rack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """Two hosts that run containers: dear, so modules share them. Each leaves them as `provision up` makes them, or
    bare."""
    lab = Lab(name=f"test-{request.param}-{os.getpid()}")
    lab.down()
    try:
        lab.up(hosts=2, gpus=2, containers=request.param)
        yield Rack(lab, tmp_path_factory.mktemp("rack"), request.param)
    finally:
        lab.down()
