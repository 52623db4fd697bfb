"""What OpenSSH refuses is refused: host keys on a list of revoked ones, and algorithms that have been given up."""

import shutil
import subprocess
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, hello, keygen

from provision.core.errors import AuthFailed, HostKeyChanged, Unreachable
from provision.inventory.models import Host
from provision.transport import scan

pytestmark = pytest.mark.hosts


def krl(folder: Path, *keys: Path, update: bool = False) -> Path:
    made = folder / "krl"
    subprocess.run(["ssh-keygen", "-q", "-k", *(["-u"] if update else []), "-f", made, *keys], check=True)
    return made


def revoking(sshds: Sshds, server: Sshd, revoked: Path | str, **ssh: object) -> Host:
    config = sshds.folder / "ssh_config"
    config.write_text(f"Host *\n RevokedHostKeys {revoked}\n")
    return sshds.host(server, config=str(config), **ssh)


@pytest.mark.parametrize("form", ["list", "KRL"])
def test_a_key_on_a_list_of_revoked_ones_is_refused_though_it_is_known(sshds: Sshds, server: Sshd, form: str) -> None:
    other, shown = keygen(sshds.folder / "other"), server.folder / "host_key.pub"
    listed = sshds.folder / "revoked"
    if form == "KRL":
        listed = krl(sshds.folder, Path(f"{other}.pub"))
    else:
        listed.write_text(f"# lost\n{Path(f'{other}.pub').read_text()}")
    assert hello(revoking(sshds, server, listed)) == "hello\n"
    if form == "KRL":
        krl(sshds.folder, shown, update=True)
    else:
        listed.write_text(f"{listed.read_text()}\n{shown.read_text()}")
    for pin in (None, server.host_key):
        with pytest.raises(HostKeyChanged, match="revoked") as caught:
            hello(revoking(sshds, server, listed, host_key=pin))
        assert str(listed) in caught.value.message
    assert server.logins == 1


def test_a_list_that_cannot_be_read_refuses_every_key(
    sshds: Sshds, server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = sshds.folder / "damaged"
    damaged.write_text(f"SHA256:abc\n{(server.folder / 'host_key.pub').read_text()}")
    cut = sshds.folder / "cut"
    cut.write_bytes(krl(sshds.folder, server.folder / "host_key.pub").read_bytes()[:40])
    for file, why in ((sshds.folder / "none", "no such file"), (damaged, "line 1"), (cut, "KRL|krl|format|complete")):
        with pytest.raises(Unreachable, match="cannot be checked") as caught:
            hello(revoking(sshds, server, file))
        assert any(part in caught.value.message for part in why.split("|")), caught.value.message
    shown = revoking(sshds, server, krl(sshds.folder, Path(f"{keygen(sshds.folder / 'other')}.pub")))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unreachable, match="no ssh-keygen"):
        hello(shown)
    assert server.logins == 0


def test_trust_offers_no_revoked_key(sshds: Sshds) -> None:
    server = sshds.start()
    listed = sshds.folder / "revoked"
    shutil.copy(server.folder / "host_key.pub", listed)
    (key,) = scan([revoking(sshds, server, listed)])
    assert key.status == "changed" and "revoked" in str(key.error)
    (key,) = scan([revoking(sshds, server, sshds.folder / "none")])
    assert key.status == "unreachable" and "cannot be checked" in str(key.error)


def test_a_jump_host_with_a_revoked_key_is_not_gone_through(sshds: Sshds, server: Sshd) -> None:
    behind = sshds.start()
    sshds.trust(behind)
    listed = sshds.folder / "revoked"
    shutil.copy(server.folder / "host_key.pub", listed)
    jump = f"root@{server.address}:{server.port}"
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(revoking(sshds, behind, listed, jump=jump))
    assert (server.logins, behind.logins) == (0, 0)


def test_a_key_revoked_for_the_host_is_revoked_on_each_of_its_ports(sshds: Sshds, server: Sshd) -> None:
    with sshds.known_hosts.open("a") as file:
        file.write(f"@revoked {server.address} {server.host_key}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(sshds.host(server))


@pytest.mark.parametrize(
    ("option", "offered", "accepted"),
    [
        ("Ciphers 3des-cbc", "3des-cbc", "aes256-ctr"),
        ("Ciphers aes256-cbc,aes128-cbc", "aes256-cbc", "aes256-ctr"),
        ("MACs hmac-md5,hmac-sha1-96", "hmac-md5", "hmac-sha2-512"),
        ("KexAlgorithms diffie-hellman-group1-sha1", "diffie-hellman-group1-sha1", "ecdh-sha2-nistp256"),
        ("KexAlgorithms diffie-hellman-group14-sha1", "diffie-hellman-group14-sha1", "ecdh-sha2-nistp256"),
        ("Ciphers chacha20-poly1305@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"),
    ],
)
def test_an_algorithm_that_is_not_accepted_names_both_lists(
    sshds: Sshds, option: str, offered: str, accepted: str
) -> None:
    # A MAC counts only beside a cipher that needs one.
    extra = ("Ciphers aes128-ctr",) if option.startswith("MACs") else ()
    server = sshds.start(option, *extra)
    sshds.trust(server)
    with pytest.raises(Unreachable, match="in common") as caught:
        hello(sshds.host(server))
    assert f"`{offered}`" in caught.value.message
    assert f"`{accepted}`" in caught.value.message
    assert option.split(maxsplit=1)[0] in caught.value.hint
    assert server.logins == 0


def test_an_rsa_host_key_is_not_accepted_with_a_sha1_signature(sshds: Sshds) -> None:
    rsa = keygen(sshds.folder / "rsa", "rsa")
    server = sshds.start("HostKeyAlgorithms ssh-rsa", host_key=rsa)
    sshds.trust(server)
    with pytest.raises(Unreachable, match=r"no host key algorithm in common: it offers `ssh-rsa`; .*`rsa-sha2-512`"):
        hello(sshds.host(server))


def test_no_rsa_key_of_ours_signs_with_sha1(sshds: Sshds) -> None:
    rsa = keygen(sshds.folder / "rsa", "rsa")
    server = sshds.start("PubkeyAcceptedAlgorithms ssh-rsa")
    shutil.copy(f"{rsa}.pub", server.folder / "authorized_keys")
    sshds.trust(server)
    with pytest.raises(AuthFailed):
        hello(sshds.host(server, key=str(rsa)))
    assert server.logins == 0
