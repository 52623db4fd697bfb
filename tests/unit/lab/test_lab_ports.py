"""Loopback hosts share the machine's addresses and ports: each lab takes what nobody listens on."""

import pwd
import socket
from pathlib import Path

import pytest

from provision.lab import LabError, loopback, ports


def test_ports_somebody_listens_on_are_left_out(monkeypatch):
    everything = set(range(ports.PORTS.start, ports.PORTS.stop))
    free = range(24000, 24000 + ports.BLOCK)
    monkeypatch.setattr(ports, "listening", lambda: {("", port) for port in everything - set(free)})
    assert ports.free_blocks(1) == [24000]
    with pytest.raises(LabError, match="no 2 blocks of 200 free ports"):
        ports.free_blocks(2)


def test_a_network_somebody_listens_on_is_left_out(monkeypatch):
    monkeypatch.setattr(ports, "listening", lambda: {("10.0.7.2", 1)})
    first = ports.free_network(Path("/a/lab"))
    monkeypatch.setattr(ports, "listening", lambda: {(f"127.0.{first}.2", 20050)})
    assert ports.free_network(Path("/a/lab")) not in (0, first)
    monkeypatch.setattr(ports, "listening", lambda: {(f"127.0.{net}.2", 20050) for net in range(256)})
    with pytest.raises(LabError, match="no 127"):
        ports.free_network(Path("/a/lab"))


def test_who_listens_is_seen_with_the_address():
    with socket.create_server(("127.0.0.9", 0)) as server:
        assert server.getsockname() in ports.listening()


def test_a_lab_holds_each_of_its_blocks_by_a_port_that_ray_does_not_use(monkeypatch, tmp_path):
    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    state = loopback.plan("mine", tmp_path / "mine", 3, 0)
    own = loopback.own_settings(state, tmp_path / "mine")
    for host in state.hosts:
        said = loopback.configuration(state, host, tmp_path / "mine").splitlines()
        listens = {int(line.rpartition(":")[2]) for line in said if line.startswith("ListenAddress ")}
        rays = own[host.name]["ray"]
        block = range(host.first_port, host.first_port + ports.BLOCK)
        assert set(rays.values()) <= set(block)
        assert listens & set(block)
        assert state.port in listens
        assert listens.isdisjoint(rays.values())
        assert all(port < rays["min_worker_port"] for port in listens & set(block))


def test_a_lab_has_as_many_hosts_as_there_are_blocks_of_ports(monkeypatch, tmp_path):
    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(ports, "listening", set)
    state = loopback.plan("mine", tmp_path / "mine", ports.MOST_HOSTS, 0)
    assert len({host.first_port for host in state.hosts}) == ports.MOST_HOSTS == 60  # as `lab up --help` says
    with pytest.raises(LabError, match="at most 60 hosts, not 61"):
        loopback.plan("mine", tmp_path / "mine", ports.MOST_HOSTS + 1, 0)


def passwd(shell):
    return lambda uid: pwd.struct_passwd(("ann", "x", uid, uid, "", "/home/ann", shell))


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/no/such/shell"])
def test_a_user_whose_shell_lets_nobody_in_is_told_before_anything_is_made(monkeypatch, shell):
    monkeypatch.setattr(pwd, "getpwuid", passwd(shell))
    with pytest.raises(LabError, match=f"the shell of `ann` is `{shell}`") as error:
        loopback.login()
    assert "usermod --shell /bin/sh ann" in error.value.hint


@pytest.mark.parametrize("shell", ["", "/bin/sh"])
def test_a_user_with_a_shell_logs_in(monkeypatch, shell):
    monkeypatch.setattr(pwd, "getpwuid", passwd(shell))
    monkeypatch.setattr(loopback, "_locked", lambda user: False)
    assert loopback.login() == "ann"


@pytest.mark.parametrize(
    ("line", "locked"),
    [("ann:!:1:0:::::", True), ("ann:!$6$x:1:0:::::", True), ("ann:*:1:0:::::", False), ("anna:!:1:0:::::", False)],
)
def test_an_account_that_sshd_takes_for_locked_is_told(monkeypatch, tmp_path, line, locked):
    (tmp_path / "shadow").write_text(f"root:*:1:0:::::\n{line}\n")
    assert loopback._locked("ann", tmp_path / "shadow") is locked
    assert loopback._locked("ann", tmp_path / "none") is False
    monkeypatch.setattr(pwd, "getpwuid", passwd("/bin/sh"))
    monkeypatch.setattr(loopback, "_locked", lambda user: locked)
    if locked:
        with pytest.raises(LabError, match="the account `ann` is locked"):
            loopback.login()
