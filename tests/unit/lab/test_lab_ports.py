"""Loopback hosts share the machine's addresses and ports: each lab takes what nobody listens on."""

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
