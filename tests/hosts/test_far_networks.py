"""What a run costs over a far network, counted and not timed: connections, and how often it waits for a host; behind a
jump host, one connection for all."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, free_port
from own_playbooks import Here

import provision
from benchmarks.tunnel import Tunnel
from provision.core.errors import HostKeyChanged, PortClosed, Unreachable
from provision.core.script import Script
from provision.inventory.models import Host
from provision.transport import Transport

pytestmark = pytest.mark.hosts

#: How often a client waits: for the version and what it can, the keys, whether it may log in, and whether it has.
CONNECTING = 5
#: For a channel, for the command, for the answer; and that it has heard the end.
BATCH = 4
#: With the end of the connection.
NO_CHANGE = CONNECTING + 2 * BATCH + 1


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def tunnel(sshds: Sshds, server: Sshd) -> Iterator[Tunnel]:
    with Tunnel((server.address, server.port), server.address) as tunnel:
        with sshds.known_hosts.open("a") as file:
            file.write(f"[{tunnel.address}]:{tunnel.port} {server.host_key}\n")
        yield tunnel


def test_a_connection_and_a_batch(sshds: Sshds, server: Sshd, tunnel: Tunnel) -> None:
    host = sshds.host(server, port=tunnel.port)
    with Transport([host]) as transport:
        session = transport.connect(host)
        connecting = tunnel.turns
        assert connecting <= CONNECTING
        for number in range(1, 4):
            # What is sent, and what comes back, may be long: that is no further wait.
            script = Script(f": {'x' * 20000}\nhead -c 20000 /dev/zero | tr '\\0' x")
            assert session.run([script, script])[1].ok
            assert tunnel.turns <= connecting + number * BATCH
    assert len(tunnel.connections) == 1


def test_a_run_that_changes_nothing(sshds: Sshds, server: Sshd, tunnel: Tunnel, tmp_path: Path) -> None:
    here = Here(tmp_path, [sshds.host(server, port=tunnel.port)])
    mine = here.playbook()
    assert provision.up(here.inventory, **here.options(mine)).ok
    for command in (provision.check, provision.up):
        tunnel.connections.clear()
        (host,) = command(here.inventory, **here.options(mine)).hosts
        assert (host.status, host.connections, host.commands) == ("ok", 1, 2), command
        assert [one.number <= NO_CHANGE for one in tunnel.connections] == [True], (command, tunnel.turns)


class TestBehindAJumpHost:
    @pytest.fixture
    def bastion(self, sshds: Sshds) -> Sshd:
        """As strict as sshd can be about sessions: what goes through is none."""
        bastion = sshds.start("MaxSessions 0", address="127.0.1.200")
        sshds.trust(bastion)
        return bastion

    def test_every_command_logs_in_there_once_for_all_hosts(self, sshds: Sshds, bastion: Sshd, tmp_path: Path) -> None:
        servers = [sshds.start() for _ in range(3)]
        for server in servers:
            sshds.trust(server)
        here = Here(tmp_path, [sshds.host(server, jump=where(bastion)) for server in servers])
        mine = here.playbook()

        assert provision.up(here.inventory, **here.options(mine)).ok
        assert bastion.logins == 2  # what has been started is looked at once more, over connections that are new
        report = provision.check(here.inventory, **here.options(mine))
        assert [(host.status, host.connections, host.commands) for host in report.hosts] == [("ok", 1, 2)] * 3
        assert bastion.logins == 3

    def test_what_it_says_of_one_host_is_not_said_of_another(self, sshds: Sshds, server: Sshd) -> None:
        closed = [free_port("127.0.1.9") for _ in range(6)]
        opened = [f"127.0.1.9:{port}" for port in closed]
        bastion = sshds.start(f"PermitOpen {server.address}:{server.port} {' '.join(opened)}", address="127.0.1.201")
        sshds.trust(bastion)
        good = sshds.host(server, "good", jump=where(bastion))
        shut = [placed(good, f"closed-{n}", "127.0.1.9", port) for n, port in enumerate(closed)]
        denied = [placed(good, f"denied-{n}", "127.0.1.8", 22) for n in range(6)]

        def said(host: Host) -> str:
            try:
                return transport.connect(host).run([Script("echo hello")])[0].stdout.strip()
            except PortClosed as error:
                return f"{error.host} {error.message.rpartition(': ')[2]}"
            except Unreachable as error:
                return f"{error.host} {'forbidden' if 'does not forward' in error.message else error.message}"

        with Transport([good, *shut, *denied]) as transport, ThreadPoolExecutor(13) as pool:
            found = list(pool.map(said, (good, *shut, *denied)))
        assert found[0] == "hello"
        assert found[1:7] == [f"{host.name} Connection refused" for host in shut]
        assert found[7:] == [f"{host.name} forbidden" for host in denied]
        assert bastion.logins == 1

    def test_a_key_that_is_revoked_for_one_host_is_not_gone_through_because_of_another(
        self, sshds: Sshds, server: Sshd, bastion: Sshd
    ) -> None:
        revoked, strict = sshds.folder / "revoked", sshds.folder / "strict"
        revoked.write_text((bastion.folder / "host_key.pub").read_text())
        strict.write_text(f"RevokedHostKeys {revoked}\n")
        one = sshds.host(server, "one", jump=where(bastion))
        other = sshds.host(server, "other", jump=where(bastion), config=str(strict))
        with Transport([one, other]) as transport:
            assert transport.connect(one).run([Script("echo hello")])[0].ok
            with pytest.raises(HostKeyChanged, match="revoked"):
                transport.connect(other)


def where(bastion: Sshd) -> str:
    return f"root@{bastion.address}:{bastion.port}" if os.geteuid() == 0 else f"{bastion.address}:{bastion.port}"


def placed(host: Host, name: str, address: str, port: int) -> Host:
    ssh = host.ssh.model_copy(update={"port": port})
    return host.model_copy(update={"name": name, "address": address, "ssh": ssh})
