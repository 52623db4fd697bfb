"""What a connection may use: nothing that OpenSSH's client refuses by default, whatever paramiko would offer."""

import socket
import subprocess

import paramiko
import pytest

from provision.transport.algorithms import ACCEPTED, Client, host_key_algorithms

GIVEN_UP = {
    "kex": ("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"),
    "ciphers": ("3des-cbc", "aes128-cbc", "aes256-cbc", "arcfour256", "blowfish-cbc"),
    "macs": ("hmac-md5", "hmac-md5-96", "hmac-sha1-96"),
    "keys": ("ssh-rsa", "ssh-dss"),
    "pubkeys": ("ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com"),
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Of a paramiko that offers all that any release of it has offered."""
    for kind, names in GIVEN_UP.items():
        attribute = f"_preferred_{kind}"
        monkeypatch.setattr(paramiko.Transport, attribute, (*names, *getattr(paramiko.Transport, attribute)))
    ours, theirs = socket.socketpair()
    theirs.close()
    return Client(ours)


def test_what_openssh_has_given_up_is_not_offered(client: Client) -> None:
    for kind, names in GIVEN_UP.items():
        offered = set(getattr(client, f"preferred_{kind}"))
        assert offered, kind
        assert not offered & set(names)
    client.close()


@pytest.mark.needs("ssh")
def test_openssh_accepts_what_is_accepted_here() -> None:
    listed = subprocess.run(["ssh", "-G", "-F", "none", "host"], capture_output=True, text=True, check=True).stdout
    theirs = {line.partition(" ")[0]: set(line.partition(" ")[2].split(",")) for line in listed.splitlines()}
    names = {"kex": "kexalgorithms", "ciphers": "ciphers", "digests": "macs", "key_types": "hostkeyalgorithms"}
    # Releases after the one that is installed here.
    newer = {"mlkem768x25519-sha256"}
    for kind, name in names.items():
        assert set(ACCEPTED[kind]) - theirs[name] <= newer


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("", ()),
        ("+ssh-rsa", ()),
        ("^rsa-sha2-512", ()),
        ("ssh-ed25519,ssh-rsa", ("ssh-ed25519",)),
        ("*-cert-v01@openssh.com,ssh-ed*", None),
        ("-ecdsa-*,sk-*,*-cert-*", ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")),
        ("ssh-dss", ("ssh-dss",)),
    ],
)
def test_host_key_algorithms_of_ssh_config_take_some_away_and_add_none(
    client: Client, said: str, left: tuple[str, ...] | None
) -> None:
    found = host_key_algorithms(said)
    if left is None:
        assert found and all("-cert-" in name or name == "ssh-ed25519" for name in found)
    else:
        assert found == left
    client.host_keys = found
    offered = set(client.preferred_keys)
    assert offered <= set(found) if found else offered
    assert bool(offered) == (said != "ssh-dss")
    client.close()
