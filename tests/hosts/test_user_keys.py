"""With which keys one is let in, as OpenSSH's client tries them: certificates, the agent's, a second one, none."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from loopback import Sshd, Sshds, hello, keygen, wait_until

from provision.core.errors import AuthFailed
from provision.inventory.models import Host
from provision.transport.connect import Opener

pytestmark = pytest.mark.hosts


@pytest.fixture
def agent(sshds: Sshds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Gives it a key."""
    place = sshds.folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    with socket.socket(socket.AF_UNIX) as sock:
        assert wait_until(lambda: sock.connect_ex(str(place)) == 0)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
    yield lambda key: subprocess.run(["ssh-add", "-q", key], check=True) and None
    process.terminate()
    process.wait()


def sign(authority: Path, key: Path, name: str, *how: str) -> Path:
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", name, *how, f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    return Path(f"{key}-cert.pub")


def test_a_key_is_tried_without_the_certificate_that_the_host_refuses(sshds: Sshds, server: Sshd) -> None:
    sign(keygen(sshds.folder / "ca"), sshds.key, "root", "-V", "20200101:20200102")
    assert hello(sshds.host(server)) == "hello\n"


def test_a_certificate_that_is_none_is_passed_over(sshds: Sshds, server: Sshd) -> None:
    certificate = Path(f"{sshds.key}-cert.pub")
    other = sign(keygen(sshds.folder / "ca"), keygen(sshds.folder / "other", "rsa"), "root").read_text()
    for text in ("", "no certificate\n", "ssh-ed25519-cert-v01@openssh.com AAAA\n", other):
        certificate.write_text(text)
        assert hello(sshds.host(server)) == "hello\n"


def test_each_certificate_of_a_key_is_tried(sshds: Sshds, server: Sshd, agent: Callable[[Path], None]) -> None:
    authority = keygen(sshds.folder / "ca")
    (server.folder / "authorized_keys").write_text(f"cert-authority {Path(f'{authority}.pub').read_text()}")
    named = [shutil.move(sign(authority, sshds.key, name), sshds.folder / name) for name in ("bob", "root")]
    config = sshds.folder / "config"
    config.write_text(f"IdentityFile {sshds.key}\n" + "".join(f"CertificateFile {path}\n" for path in named))
    host = sshds.host(server, config=str(config), key=None)
    assert hello(host) == "hello\n"
    agent(sshds.key)
    sshds.key.chmod(0o644)
    assert hello(host) == "hello\n"
    shutil.move(named[1], f"{sshds.key}-cert.pub")
    assert hello(host) == "hello\n"


def test_what_cannot_be_read_is_asked_of_the_agent(sshds: Sshds, server: Sshd, agent: Callable[[Path], None]) -> None:
    agent(sshds.key)
    sshds.key.chmod(0o644)
    assert hello(sshds.host(server)) == "hello\n"
    sshds.key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    sshds.key.chmod(0o600)
    assert hello(sshds.host(server)) == "hello\n"
    subprocess.run(["ssh-add", "-q", "-D"], check=True, env=os.environ)
    with pytest.raises(AuthFailed, match="no key to try"):
        hello(sshds.host(server))


def test_the_public_half_of_a_usual_key_is_enough_for_the_agent(
    sshds: Sshds, server: Sshd, agent: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(sshds.key)
    (sshds.folder / ".ssh").mkdir()
    shutil.copy(f"{sshds.key}.pub", sshds.folder / ".ssh" / "id_ed25519.pub")
    monkeypatch.setenv("HOME", str(sshds.folder))
    config = sshds.folder / "config"
    config.write_text("IdentitiesOnly yes\n")
    assert hello(sshds.host(server, config=str(config), key=None)) == "hello\n"


def test_a_host_that_wants_two_keys_gets_two(sshds: Sshds) -> None:
    server = sshds.start("AuthenticationMethods publickey,publickey")
    sshds.trust(server)
    second = keygen(sshds.folder / "second")
    config = sshds.folder / "config"
    config.write_text(f"IdentityFile {sshds.key}\nIdentityFile {second}\n")
    host = sshds.host(server, config=str(config), key=None)
    with pytest.raises(AuthFailed, match="after the key it also wants publickey"):
        hello(host)
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(Path(f"{second}.pub").read_text())
    assert hello(host) == "hello\n"


@pytest.mark.needs("openssl")
def test_a_key_with_something_before_it(sshds: Sshds, server: Sshd) -> None:
    key = sshds.folder / "curve"
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", key]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    assert b"PARAMETERS" in key.read_bytes()
    said = subprocess.run(["ssh-keygen", "-y", "-f", key], check=True, capture_output=True).stdout
    (server.folder / "authorized_keys").write_bytes(said)
    assert hello(sshds.host(server, key=str(key))) == "hello\n"


class AsksNothing(paramiko.ServerInterface):
    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_none(self, username: str) -> int:
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined]


@pytest.mark.parametrize("keys", [True, False])
def test_a_host_that_asks_for_no_key_lets_in(sshds: Sshds, keys: bool) -> None:
    own = paramiko.RSAKey.generate(2048)
    with socket.create_server(("127.0.1.9", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(own)
            transport.start_server(server=AsksNothing())

        thread = threading.Thread(target=serve)
        thread.start()
        sshds.known_hosts.write_text(f"[127.0.1.9]:{port} ssh-rsa {own.get_base64()}\n")
        key = str(sshds.key if keys else sshds.folder / "none")
        ssh = {"port": port, "key": key, "user": "me", "known_hosts": str(sshds.known_hosts), "config": os.devnull}
        opener = Opener(threading.Event())
        host = Host.model_validate({"name": "h", "address": "127.0.1.9", "ssh": ssh})
        opened = opener.open(opener.target(host))
        assert opened.is_authenticated()
        opened.close()
        thread.join()
        opener.close()
