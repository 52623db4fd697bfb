"""Connecting by the family and from the address that ssh_config names."""

import socket
from collections.abc import Iterator

import pytest

from provision.core.errors import NameNotFound, PortClosed, Unreachable
from provision.transport.tcp import dial


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def test_it_connects_from_the_address_that_is_named(listener: socket.socket) -> None:
    sock = dial("a", "127.0.0.1", listener.getsockname()[1], 5.0, "inet", "127.0.0.9")
    _, peer = listener.accept()
    sock.close()
    assert peer[0] == "127.0.0.9"


def test_an_address_that_is_not_of_this_machine_is_named(listener: socket.socket) -> None:
    with pytest.raises(Unreachable, match=r"BindAddress `192[.]0[.]2[.]77` of ssh_config cannot be used") as error:
        dial("a", "127.0.0.1", listener.getsockname()[1], 5.0, "", "192.0.2.77")
    assert "ip address" in error.value.hint


def test_addresses_of_another_family_are_none(listener: socket.socket) -> None:
    with pytest.raises(NameNotFound, match="AddressFamily of ssh_config is `inet6`"):
        dial("a", "127.0.0.1", listener.getsockname()[1], 5.0, "inet6")


def test_what_one_address_answers_counts_more_than_that_another_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    kind = (socket.SOCK_STREAM, 0, "")
    nowhere = (255, *kind, ("2001:db8::1", port))  # a family that this kernel does not have
    found = [(socket.AF_INET, *kind, ("127.0.0.1", port)), nowhere]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    for _ in range(2):
        with pytest.raises(PortClosed, match=f"nothing listens on port {port}"):
            dial("a", "gpu-1", port, 5.0)
        found.reverse()
    found[:] = [nowhere]
    with pytest.raises(Unreachable, match="cannot connect to `gpu-1`"):
        dial("a", "gpu-1", port, 5.0)
