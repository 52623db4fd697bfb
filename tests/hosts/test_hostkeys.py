"""Who the host is, and who we are: each way it can be wrong has its own name and a hint that can be typed."""

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, free_port, hello, keygen, wait_until

from provision.core.errors import (
    AuthFailed,
    ConnectTimeout,
    HostKeyChanged,
    HostKeyUnknown,
    NameNotFound,
    PortClosed,
    Unreachable,
)
from provision.core.script import Script
from provision.inventory.models import Host
from provision.transport import Transport, record, scan

pytestmark = pytest.mark.hosts


@pytest.fixture
def server(sshds: Sshds) -> Sshd:
    return sshds.start()


def fingerprint(server: Sshd) -> str:
    out = subprocess.run(
        ["ssh-keygen", "-l", "-f", server.folder / "host_key.pub"], capture_output=True, text=True, check=True
    )
    return out.stdout.split()[1]


def test_a_host_that_is_not_known_is_refused_and_its_fingerprint_shown(sshds: Sshds, server: Sshd) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        hello(sshds.host(server))
    assert fingerprint(server) in caught.value.message
    assert "provision trust" in caught.value.hint
    assert server.logins == 0
    assert sshds.known_hosts.read_text() == ""
    own = Path("/srv/my hosts.yaml")
    with Transport([sshds.host(server)], inventory=own) as transport, pytest.raises(HostKeyUnknown) as caught:
        transport.connect(transport.hosts[0])
    assert caught.value.hint.endswith("`provision trust '/srv/my hosts.yaml'`")


def test_a_changed_key_names_both_fingerprints_and_the_line(sshds: Sshds, server: Sshd) -> None:
    sshds.known_hosts.write_text("# a comment\n")
    other = keygen(sshds.folder / "other")
    sshds.known_hosts.open("a").write(
        f"[{server.address}]:{server.port} {' '.join(Path(f'{other}.pub').read_text().split()[:2])}\n"
    )
    with pytest.raises(HostKeyChanged) as caught:
        hello(sshds.host(server))
    old = subprocess.run(["ssh-keygen", "-l", "-f", other], capture_output=True, text=True, check=True).stdout.split()[
        1
    ]
    assert old in caught.value.message
    assert fingerprint(server) in caught.value.message
    assert f"{sshds.known_hosts}:2" in caught.value.message
    assert server.logins == 0


def test_a_key_of_another_type_than_the_one_on_record_is_a_changed_key(sshds: Sshds, server: Sshd) -> None:
    rsa = keygen(sshds.folder / "rsa", "rsa")
    sshds.known_hosts.write_text(f"[{server.address}]:{server.port} {Path(f'{rsa}.pub').read_text()}")
    with pytest.raises(HostKeyChanged):
        hello(sshds.host(server))


def test_an_rsa_key_on_record_is_asked_for_though_the_host_has_a_newer_one(sshds: Sshds) -> None:
    rsa = keygen(sshds.folder / "rsa", "rsa")
    server = sshds.start(f"HostKey {rsa}")
    sshds.known_hosts.write_text(f"[{server.address}]:{server.port} {Path(f'{rsa}.pub').read_text()}")
    assert hello(sshds.host(server)) == "hello\n"


def test_hashed_names_patterns_and_revocations_are_understood(sshds: Sshds, server: Sshd) -> None:
    host = sshds.host(server)
    sshds.trust(server)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", sshds.known_hosts], check=True, capture_output=True)
    assert sshds.known_hosts.read_text().startswith("|1|")
    assert hello(host) == "hello\n"
    sshds.known_hosts.write_text(f"[127.0.1.*]:{server.port} {server.host_key}\n")
    assert hello(host) == "hello\n"
    sshds.known_hosts.write_text(f"[127.0.1.*]:{server.port},![{server.address}]:* {server.host_key}\n")
    with pytest.raises(HostKeyUnknown):
        hello(host)
    sshds.trust(server)
    with sshds.known_hosts.open("a") as file:
        file.write(f"@revoked * {server.host_key}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(host)


def test_a_pinned_key_is_the_only_one_accepted(sshds: Sshds, server: Sshd) -> None:
    assert hello(sshds.host(server, host_key=server.host_key)) == "hello\n"
    other = " ".join(Path(f"{keygen(sshds.folder / 'other')}.pub").read_text().split()[:2])
    sshds.trust(server)
    with pytest.raises(HostKeyChanged, match="pins"):
        hello(sshds.host(server, host_key=other))


def test_a_wrong_key_names_what_was_tried(sshds: Sshds, server: Sshd) -> None:
    sshds.trust(server)
    wrong = keygen(sshds.folder / "wrong")
    with pytest.raises(AuthFailed) as caught:
        hello(sshds.host(server, key=str(wrong), user="root"))
    assert "`root`" in caught.value.message
    assert str(wrong) in "".join(caught.value.evidence)
    assert f"-i {wrong}" in caught.value.hint


def test_a_missing_key_file_and_an_encrypted_one_say_so(sshds: Sshds, server: Sshd) -> None:
    sshds.trust(server)
    with pytest.raises(AuthFailed) as caught:
        hello(sshds.host(server, key="/nowhere/key"))
    assert "/nowhere/key" in "".join(caught.value.evidence)
    locked = keygen(sshds.folder / "locked", passphrase="open sesame")
    with pytest.raises(AuthFailed) as caught:
        hello(sshds.host(server, key=str(locked)))
    assert caught.value.hint == f"ssh-add {locked}"


@pytest.mark.parametrize("beside", [True, False], ids=["with .pub", "without .pub"])
def test_an_encrypted_key_works_through_the_agent(
    sshds: Sshds, server: Sshd, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    sshds.trust(server)
    locked = sshds.folder / "locked"
    shutil.copy(sshds.key, locked)
    locked.chmod(0o600)
    place = sshds.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            assert wait_until(lambda: sock.connect_ex(str(place)) == 0)
        subprocess.run(["ssh-add", "-q", locked], env={**os.environ, "SSH_AUTH_SOCK": str(place)}, check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", locked], check=True, capture_output=True)
        if beside:
            shutil.copy(f"{sshds.key}.pub", f"{locked}.pub")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        assert hello(sshds.host(server, key=str(locked))) == "hello\n"
        assert hello(sshds.host(server, key=None)) == "hello\n"
    finally:
        agent.terminate()
        agent.wait()


def test_ssh_config_says_what_the_inventory_does_not(sshds: Sshds, server: Sshd) -> None:
    sshds.trust(server)
    config = sshds.folder / "config"
    config.write_text(
        f"Host gpu\n  HostName {server.address}\n  Port {server.port}\n  User root\n  IdentityFile {sshds.key}\n"
        f"  UserKnownHostsFile {sshds.known_hosts}\n"
    )
    host = Host.model_validate({"name": "h", "address": "gpu", "ssh": {"config": str(config)}})
    assert hello(host) == "hello\n"


def test_a_name_that_resolves_nowhere(sshds: Sshds) -> None:
    host = Host.model_validate({"name": "h", "address": "no-such-host.invalid", "ssh": {"connect_timeout": 1}})
    with pytest.raises(NameNotFound, match=r"no-such-host\.invalid"):
        hello(host)


def test_a_closed_port() -> None:
    port = free_port("127.0.1.9")
    host = Host.model_validate({"name": "h", "address": "127.0.1.9", "ssh": {"port": port}})
    with pytest.raises(PortClosed, match=f"port {port}"):
        hello(host)


@pytest.fixture
def blackhole() -> Iterator[tuple[str, int]]:
    """A listener whose queue is full: further connections get no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.1.8", 0))
        listener.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for sock in fill:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()
        for sock in fill:
            sock.close()


def test_a_host_that_does_not_answer(blackhole: tuple[str, int]) -> None:
    address, port = blackhole
    host = Host.model_validate({"name": "h", "address": address, "ssh": {"port": port, "connect_timeout": 0.5}})
    with pytest.raises(ConnectTimeout, match=r"within 0\.5 s"):
        hello(host)


def test_a_listener_that_is_not_sshd() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.1.8", 0))
        listener.listen(8)
        address, port = listener.getsockname()
        host = Host.model_validate({"name": "h", "address": address, "ssh": {"port": port, "connect_timeout": 0.5}})
        with pytest.raises(ConnectTimeout, match="did not speak SSH"):
            hello(host)


@contextmanager
def in_front_of(sshds: Sshds, server: Sshd, *, drops: int = 0, greets: bytes = b"") -> Iterator[Host]:
    """The host by a port that first closes some connections, or says something and pauses."""
    with socket.socket() as front:
        front.bind((server.address, 0))
        front.listen(8)
        port = front.getsockname()[1]
        with sshds.known_hosts.open("a") as file:
            file.write(f"[{server.address}]:{port} {server.host_key}\n")

        def relay() -> None:
            for _ in range(drops):
                front.accept()[0].close()
            here = front.accept()[0]
            if greets:
                here.sendall(greets)
                time.sleep(2.3)
            there = socket.create_connection((server.address, server.port))

            def copy(source: socket.socket, sink: socket.socket) -> None:
                while data := source.recv(1 << 16):
                    sink.sendall(data)
                with suppress(OSError):  # the other side has closed already
                    sink.shutdown(socket.SHUT_WR)

            back = threading.Thread(target=copy, args=(there, here), daemon=True)
            back.start()
            copy(here, there)
            back.join(5)
            here.close()
            there.close()

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        yield sshds.host(server).model_copy(update={"ssh": sshds.host(server, port=port).ssh})
        thread.join(5)


def test_connections_that_sshd_drops_at_first_are_tried_again(sshds: Sshds, server: Sshd) -> None:
    """As MaxStartups does, but not at random."""
    with in_front_of(sshds, server, drops=2) as host:
        assert hello(host) == "hello\n"


def test_a_server_that_says_something_and_then_takes_its_time(sshds: Sshds, server: Sshd) -> None:
    """Longer than the 2 s that paramiko waits after such a line."""
    with in_front_of(sshds, server, greets=b"Welcome\r\n") as host:
        assert hello(host) == "hello\n"


def test_an_sshd_that_takes_few_logins_at_a_time_gets_them_all_in_the_end(sshds: Sshds) -> None:
    server = sshds.start("MaxStartups 3")
    sshds.trust(server)
    hosts = [sshds.host(server, f"h{n}") for n in range(10)]
    with Transport(hosts) as transport, ThreadPoolExecutor(10) as pool:
        assert len(list(pool.map(transport.connect, hosts))) == 10
    assert server.logins == 10


def test_a_proxy_command_of_ssh_config_is_used(sshds: Sshds, server: Sshd) -> None:
    sshds.trust(server)
    relay = sshds.folder / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(65536): os.write(1, data)\n"
    )
    config = sshds.folder / "config"
    config.write_text(f"Host *\n  Port {server.port}\n  ProxyCommand {sys.executable} {relay} %h %p\n")
    assert hello(sshds.host(server, config=str(config), port=None)) == "hello\n"


def test_an_ssh_config_that_cannot_be_read_is_named(sshds: Sshds, server: Sshd) -> None:
    config = sshds.folder / "config"
    for broken in (None, "Host\n  Port twenty-two\nMatch nonsense\n"):
        if broken:
            config.write_text(broken)
        with pytest.raises(Unreachable, match="cannot be read"):
            hello(sshds.host(server, config=str(config), port=None))


def test_a_host_key_that_is_not_known_is_not_tried_twice(sshds: Sshds, server: Sshd) -> None:
    with pytest.raises(HostKeyUnknown):
        hello(sshds.host(server))
    assert wait_until(lambda: "[preauth]" in server.log)
    assert server.log.count("[preauth]") == 1


class TestJumps:
    @pytest.fixture
    def bastion(self, sshds: Sshds) -> Sshd:
        return sshds.start(address="127.0.1.200")

    def test_a_jump_host_is_shared_and_its_key_is_checked(self, sshds: Sshds, server: Sshd, bastion: Sshd) -> None:
        sshds.trust(server)
        jump = f"root@{bastion.address}:{bastion.port}"
        hosts = [sshds.host(server, f"h{n}", jump=jump) for n in range(3)]
        with pytest.raises(HostKeyUnknown):
            hello(hosts[0])
        sshds.trust(bastion)
        with Transport(hosts) as transport:
            for host in hosts:
                assert transport.connect(host).run([Script("echo hello")])[0].stdout == "hello\n"
        assert bastion.logins == 1
        assert server.logins == 3

    def test_jumps_are_visited_in_the_order_they_are_written(self, sshds: Sshds, server: Sshd, bastion: Sshd) -> None:
        # The first lets through to the second alone, the second to the server alone.
        second = sshds.start(f"PermitOpen {server.address}:{server.port}", address="127.0.1.201")
        first = sshds.start(f"PermitOpen {second.address}:{second.port}", address="127.0.1.202")
        for each in (server, first, second):
            sshds.trust(each)
        hops = ",".join(f"root@{hop.address}:{hop.port}" for hop in (first, second))
        assert hello(sshds.host(server, jump=hops)) == "hello\n"
        config = sshds.folder / "config"
        config.write_text(
            f"Host {server.address}\n  ProxyJump second\n"
            f"Host second\n  HostName {second.address}\n  Port {second.port}\n  ProxyJump first\n"
            f"Host first\n  HostName {first.address}\n  Port {first.port}\n"
            f"Host *\n  User root\n  UserKnownHostsFile {sshds.known_hosts}\n  IdentityFile {sshds.key}\n"
        )
        assert hello(sshds.host(server, config=str(config), known_hosts=None)) == "hello\n"

    def test_a_jump_host_that_cannot_reach_the_host_is_named(self, sshds: Sshds, bastion: Sshd) -> None:
        sshds.trust(bastion)
        host = Host.model_validate(
            {
                "name": "h",
                "address": "127.0.1.9",
                "ssh": {
                    "port": free_port("127.0.1.9"),
                    "jump": f"root@{bastion.address}:{bastion.port}",
                    "key": str(sshds.key),
                    "known_hosts": str(sshds.known_hosts),
                },
            }
        )
        with pytest.raises(PortClosed, match=f"jump host `{bastion.address}`"):
            hello(host)

    def test_jumps_in_a_circle_are_an_error(self, sshds: Sshds) -> None:
        config = sshds.folder / "config"
        config.write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
        host = Host.model_validate({"name": "h", "address": "a", "ssh": {"config": str(config)}})
        with pytest.raises(Unreachable, match="loop"):
            hello(host)


class TestTrust:
    def test_all_keys_are_shown_at_once_then_recorded_and_work(self, sshds: Sshds) -> None:
        servers = [sshds.start() for _ in range(3)]
        hosts = [sshds.host(server) for server in servers]
        keys = scan(hosts)
        assert [(key.host, key.status, key.fingerprint) for key in keys] == [
            (host.name, "new", fingerprint(server)) for host, server in zip(hosts, servers, strict=True)
        ]
        assert {key.known_hosts for key in keys} == {sshds.known_hosts}
        assert record(keys, sshds.known_hosts) == 3
        assert record(keys, sshds.known_hosts) == 0
        assert [key.status for key in scan(hosts)] == ["known"] * 3
        assert [hello(host) for host in hosts] == ["hello\n"] * 3
        assert sum(server.logins for server in servers) == 3

    def test_openssh_reads_what_was_recorded(self, sshds: Sshds, server: Sshd) -> None:
        path = sshds.folder / "fresh" / "known_hosts"
        record(scan([sshds.host(server)]), path)
        assert path.stat().st_mode & 0o777 == 0o600
        found = subprocess.run(["ssh-keygen", "-F", f"[{server.address}]:{server.port}", "-f", path], check=False)
        assert found.returncode == 0

    def test_a_changed_key_is_replaced_only_if_asked(self, sshds: Sshds, server: Sshd) -> None:
        other = Path(f"{keygen(sshds.folder / 'other')}.pub").read_text()
        sshds.known_hosts.write_text(f"elsewhere {other}[{server.address}]:{server.port} {other}# no newline")
        before = sshds.known_hosts.read_text()
        host = sshds.host(server)
        keys = scan([host])
        assert [key.status for key in keys] == ["changed"]
        with pytest.raises(HostKeyChanged):
            record(keys, sshds.known_hosts)
        assert sshds.known_hosts.read_text() == before
        assert record(keys, sshds.known_hosts, replace=True) == 1
        assert sshds.known_hosts.read_text().startswith(f"elsewhere {other}# no newline\n")
        assert hello(host) == "hello\n"

    def test_writers_at_the_same_time_lose_nothing(self, sshds: Sshds, server: Sshd) -> None:
        (key,) = scan([sshds.host(server)])
        threads = [
            threading.Thread(target=record, args=([dataclasses.replace(key, record=f"host{n}")], sshds.known_hosts))
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {line.split()[0] for line in sshds.known_hosts.read_text().splitlines()} == {
            f"host{n}" for n in range(20)
        }

    def test_hosts_behind_a_new_jump_host_are_shown_in_the_same_go(self, sshds: Sshds, server: Sshd) -> None:
        bastion = sshds.start()
        jump = f"root@{bastion.address}:{bastion.port}"
        hosts = [sshds.host(server, f"h{n}", jump=jump) for n in range(2)]
        keys = scan(hosts)
        assert [(key.host, key.status) for key in keys] == [(f"jump {bastion.address}", "new"), ("h0", "new")]
        record(keys, sshds.known_hosts)
        assert hello(hosts[1]) == "hello\n"

    def test_a_host_that_cannot_be_reached_does_not_hide_the_others(self, sshds: Sshds, server: Sshd) -> None:
        gone = Host.model_validate({"name": "gone", "address": "127.0.1.9", "ssh": {"port": free_port("127.0.1.9")}})
        keys = scan([gone, sshds.host(server)])
        assert [key.status for key in keys] == ["unreachable", "new"]
        assert isinstance(keys[0].error, PortClosed)
