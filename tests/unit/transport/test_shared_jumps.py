"""Which hosts share the connection to a jump host, and that what it says of one of them is not said of another."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from provision.transport.algorithms import Client
from provision.transport.target import Target

JUMP = Target("gpu-01", "192.0.2.1", 22, "ops", (Path("/k"),), True, (Path("/known"),), 10.0, hop=True)

#: What decides where a connection goes, who logs in, or which key the host may show.
DECIDES = {
    "address": "192.0.2.2",
    "port": 2222,
    "user": "root",
    "keys": (Path("/other"),),
    "explicit": False,
    "known_hosts": (Path("/others"),),
    "alias": "bastion",
    "pin": "ssh-ed25519 AAAA",
    "proxy_command": "nc -X 5 %h %p",
    "known_command": ("/usr/bin/hosts", "%H"),
    "revoked": (Path("/revoked"),),
    "certificates": (Path("/k-cert.pub"),),
    "agent": "/run/agent",
    "global_known_hosts": (),
    "hop": False,
    "family": "inet6",
    "source": "192.0.2.5",
    "host_keys": ("ssh-ed25519",),
    "jump": Target("gpu-01", "192.0.2.9", 22, "ops", (), False, (), 10.0, hop=True),
}


def changed(target: Target, **values: object) -> Target:
    return Target(**{**vars(target), **values})  # type: ignore[arg-type]


def test_hosts_of_which_all_that_counts_is_the_same_share_it() -> None:
    assert changed(JUMP, name="gpu-02", timeout=5.0, ignored=("RemoteCommand",)).where == JUMP.where
    far = changed(JUMP, jump=JUMP)
    assert changed(far, name="gpu-02", jump=changed(JUMP, name="gpu-02")).where == far.where


@pytest.mark.parametrize("what", DECIDES)
def test_hosts_that_differ_in_what_decides_share_nothing(what: str) -> None:
    other = changed(JUMP, **{what: DECIDES[what]})
    assert other.where != JUMP.where
    assert changed(JUMP, jump=other).where != changed(JUMP, jump=JUMP).where


def test_every_field_of_a_target_is_one_or_the_other() -> None:
    assert {*vars(JUMP)} == {*DECIDES, "name", "timeout", "ignored"}


@pytest.fixture
def client() -> Client:
    """A connection to a server that does nothing by itself."""
    ours, theirs = socket.socketpair()
    made = Client(ours)
    made.active = True
    made._theirs = theirs  # type: ignore[attr-defined]
    return made


def refusal(number: int, code: int, said: str) -> paramiko.Message:
    message = paramiko.Message()
    for value in (number, code):
        message.add_int(value)
    for text in (said, ""):
        message.add_string(text)
    return paramiko.Message(message.asbytes())


def test_refusals_at_the_same_time_reach_those_that_they_are_about(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Barrier(3)
    answered = threading.Event()

    def send(message: paramiko.Message) -> None:
        asked.wait(10)

    def late(take: Callable[[], object]) -> Callable[[], object]:
        """Both have been refused before either looks: paramiko has the last refusal alone."""
        return lambda: (answered.wait(10), take())[1]

    monkeypatch.setattr(client, "_send_user_message", send)
    monkeypatch.setattr(client, "get_exception", late(client.get_exception))

    def refused(port: int) -> tuple[int, str]:
        with pytest.raises(paramiko.ChannelException) as caught:
            client.open_channel("direct-tcpip", ("192.0.2.5", port), ("127.0.0.1", 0), timeout=10)
        return caught.value.code, caught.value.text

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(refused, 1)
        while not client.channel_events:
            pass
        second = pool.submit(refused, 2)
        asked.wait(10)
        client._parse_channel_open_failure(refusal(0, 2, "Connection refused\nby it"))
        client._parse_channel_open_failure(refusal(1, 1, "open failed"))
        answered.set()
        assert first.result() == (2, "Connection refused by it")
        assert second.result() == (1, "Administratively prohibited")


def test_a_server_that_refuses_what_nobody_asked_for_is_not_remembered(client: Client) -> None:
    for number in range(1000):
        client._parse_channel_open_failure(refusal(number, 2, "x"))
    assert not client._refusals
