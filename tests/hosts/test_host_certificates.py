"""`@cert-authority` in known_hosts: an authority vouches for hosts whose keys nobody has recorded."""

import shutil
import subprocess
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, hello, keygen

from provision.core.errors import HostKeyChanged, HostKeyUnknown
from provision.transport import scan

pytestmark = pytest.mark.hosts


def certified(sshds: Sshds, authority: Path, *how: str, principals: str = "127.0.1.1", kind: str = "ed25519") -> Sshd:
    key = keygen(sshds.folder / f"host_{len(sshds.running)}", kind)
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "host", "-n", principals, *how, f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    return sshds.start(f"HostKey {key}", f"HostCertificate {key}-cert.pub", host_key=key, address="127.0.1.1")


def vouch(sshds: Sshds, authority: Path, names: str = "*", marker: str = "@cert-authority") -> None:
    with sshds.known_hosts.open("a") as file:
        file.write(f"{marker} {names} {' '.join(Path(f'{authority}.pub').read_text().split()[:2])}\n")


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_host_with_a_certificate_of_a_known_authority_is_known(sshds: Sshds, kind: str) -> None:
    authority = keygen(sshds.folder / "ca", kind)
    server = certified(sshds, authority, "-h", kind=kind)
    with pytest.raises(HostKeyUnknown):
        hello(sshds.host(server))
    vouch(sshds, authority, "gpu-2,[127.0.1.*]:*")
    assert hello(sshds.host(server)) == "hello\n"
    assert [key.status for key in scan([sshds.host(server)])] == ["known"]


@pytest.mark.parametrize(
    ("how", "principals", "why"),
    [
        (("-h",), "gpu-7", "it is for `gpu-7`"),
        ((), "127.0.1.1", "user's certificate"),
        (("-h", "-V", "20200101:20210101"), "127.0.1.1", "expired"),
        (("-h", "-V", "20900101:20910101"), "127.0.1.1", "not valid yet"),
        (("-h", "-O", "critical:unheard-of"), "127.0.1.1", "options"),
    ],
)
def test_a_certificate_that_does_not_hold_says_why(
    sshds: Sshds, how: tuple[str, ...], principals: str, why: str
) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority, *how, principals=principals)
    vouch(sshds, authority)
    with pytest.raises((HostKeyChanged, HostKeyUnknown)) as caught:
        hello(sshds.host(server))
    # sshd itself may leave out what is no host's certificate: then the key alone is unknown.
    assert why in caught.value.message or isinstance(caught.value, HostKeyUnknown)
    assert server.logins == 0


def test_another_authority_vouches_for_nobody(sshds: Sshds) -> None:
    server = certified(sshds, keygen(sshds.folder / "ca"), "-h")
    vouch(sshds, keygen(sshds.folder / "other"))
    with pytest.raises(HostKeyUnknown):
        hello(sshds.host(server))
    sshds.trust(server)
    assert hello(sshds.host(server)) == "hello\n"


@pytest.mark.parametrize("how", ["@revoked", "RevokedHostKeys"])
def test_an_authority_that_is_revoked_vouches_for_nobody(sshds: Sshds, how: str) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority, "-h")
    vouch(sshds, authority)
    config = sshds.folder / "config"
    config.write_text(f"Host *\n RevokedHostKeys {sshds.folder}/revoked\n")
    (sshds.folder / "revoked").touch()
    host = sshds.host(server, config=str(config))
    assert hello(host) == "hello\n"
    if how == "@revoked":
        vouch(sshds, authority, marker="@revoked")
    else:
        shutil.copy(f"{authority}.pub", sshds.folder / "revoked")
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(host)


def test_an_authority_that_signs_with_sha1_vouches_for_nobody(sshds: Sshds) -> None:
    authority = keygen(sshds.folder / "ca", "rsa")
    server = certified(sshds, authority, "-t", "ssh-rsa", "-h")
    vouch(sshds, authority)
    with pytest.raises(HostKeyChanged, match="algorithm that is not accepted"):
        hello(sshds.host(server))


@pytest.mark.parametrize("how", ["serial: 7", "id: host", "certificate", "list"])
@pytest.mark.parametrize("known", [False, True])
def test_a_certificate_that_is_revoked_is_refused(sshds: Sshds, how: str, known: bool) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority, "-h", "-z", "7")
    vouch(sshds, authority)
    if known:
        sshds.trust(server)
    config, revoked, spec = (sshds.folder / name for name in ("config", "revoked", "spec"))
    config.write_text(f"Host *\n RevokedHostKeys {revoked}\n")
    host = sshds.host(server, config=str(config))
    makes = ["ssh-keygen", "-q", "-k", "-f", revoked, "-s", f"{authority}.pub", spec]
    spec.write_text("serial: 8\n")
    subprocess.run(makes, check=True, capture_output=True)
    assert hello(host) == "hello\n"
    certificate = next(sshds.folder.glob("host_*-cert.pub"))
    if how == "list":
        shutil.copy(certificate, revoked)
    else:
        shutil.copy(certificate, spec) if how == "certificate" else spec.write_text(f"{how}\n")
        subprocess.run(makes, check=True, capture_output=True)
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(host)
