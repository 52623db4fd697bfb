"""ssh_config means what it means to OpenSSH: its own client is asked, and without one, what is not known is refused."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import Hosts
from loopback import Sshd, Sshds, hello, keygen, wait_until

from provision.core.errors import AuthFailed, HostKeyUnknown, ProvisionError, Unreachable
from provision.core.events import Note
from provision.core.playbook import Playbook
from provision.core.script import Script
from provision.inventory.models import Host
from provision.transport import Transport, scan
from provision.transport.trust import record_each

pytestmark = pytest.mark.hosts


@pytest.fixture
def configured(sshds: Sshds, server: Sshd) -> Callable[..., Host]:
    """`configured(lines, …)`: the host `gpu-1`, of which the inventory says nothing but the configuration's path."""

    def make(*lines: str, known_hosts: bool = True, key: bool = True, **ssh: object) -> Host:
        config = sshds.folder / "config"
        own = ["Host gpu-1", f"HostName {server.address}", f"Port {server.port}", "User root"]
        own += [f"UserKnownHostsFile {sshds.known_hosts}"] if known_hosts else []
        own += [f"IdentityFile {sshds.key}"] if key else []
        config.write_text("\n".join([*lines, *own]) + "\n")
        settings = {"config": str(config), "connect_timeout": 5, **ssh}
        return Host.model_validate({"name": "gpu-1", "address": "gpu-1", "ssh": settings})

    return make


@pytest.fixture
def agent(sshds: Sshds) -> Iterator[Path]:
    place = sshds.folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    with socket.socket(socket.AF_UNIX) as sock:
        assert wait_until(lambda: sock.connect_ex(str(place)) == 0)
    yield place
    process.terminate()
    process.wait()


def add(agent: Path, *keys: Path) -> None:
    subprocess.run(["ssh-add", "-q", *keys], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True)


def test_included_files_and_conditions_count(sshds: Sshds, server: Sshd, configured: Callable[..., Host]) -> None:
    folder = sshds.folder / "config.d"
    folder.mkdir()
    (folder / "gpu.conf").write_text(f"Match host gpu-1 exec true\n  IdentityFile {sshds.key}\n")
    assert hello(configured(f"Include {folder}/*.conf", key=False)) == "hello\n"
    wrong = (
        f'Match localuser nobody-else\n  Port 1\nMatch originalhost other-*,gpu-2\n  User wrong\nInclude "{folder}/no*"'
    )
    assert hello(configured(wrong)) == "hello\n"


@pytest.mark.parametrize("named", [True, False])
def test_home_is_where_the_variable_says(
    sshds: Sshds, server: Sshd, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    home = sshds.folder / "home of mine"
    (home / ".ssh" / "config.d").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    (home / ".ssh" / "config").write_text("Include config.d/*.conf\nHost other\n  User wrong\n")
    (home / ".ssh" / "config.d" / "gpu.conf").write_text(
        f"Host gpu-1\n  HostName {server.address}\n  Port {server.port}\n  User root\n  IdentityFile ~/.ssh/mine\n"
    )
    shutil.copy(sshds.key, home / ".ssh" / "mine")
    shutil.copy(sshds.known_hosts, home / ".ssh" / "known_hosts")
    config = str(home / ".ssh" / "config") if named else None
    assert hello(Host.model_validate({"name": "h", "address": "gpu-1", "ssh": {"config": config}})) == "hello\n"


def test_what_openssh_refuses_is_refused_in_its_words(configured: Callable[..., Host]) -> None:
    with pytest.raises(Unreachable, match="cannot be read") as caught:
        hello(configured("Match nonsense other", "  User wrong"))
    assert "nonsense" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (("Include {folder}/config.d/*.conf",), "Include"),
        (("Match tagged other", "  User wrong"), "Match tagged"),
        (("Match host gpu-1 !localnetwork 192.0.2.0/24", "  Port 2299"), "Match localnetwork"),
        (("CanonicalizeHostname yes",), "CanonicalizeHostname"),
    ],
)
def test_without_openssh_what_is_not_known_is_refused_and_the_rest_read(
    sshds: Sshds, configured: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], named: str
) -> None:
    folder = sshds.folder / "config.d"
    folder.mkdir()
    (folder / "gpu.conf").write_text("Host *\n  User wrong\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert hello(configured(f"Include {folder}/none/*", "# a comment", "Match host other", "  User wrong")) == "hello\n"
    with pytest.raises(Unreachable, match=f"`{named}`") as caught:
        hello(configured(*(line.format(folder=sshds.folder) for line in lines)))
    assert "openssh-client" in caught.value.hint


@pytest.mark.parametrize("client", [True, False])
def test_tokens_variables_and_blanks_in_names_of_files(
    sshds: Sshds, configured: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, client: bool
) -> None:
    if not client:
        monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("KEYS", str(sshds.folder))
    (sshds.folder / "keys").mkdir()
    shutil.copy(sshds.key, sshds.folder / "keys" / "gpu-1_root")
    lines = ["IdentityFile ${KEYS}/keys/%n_%r"]
    if client:
        blank = sshds.folder / "a b"
        blank.mkdir()
        shutil.move(sshds.known_hosts, blank / "gpu-1")
        lines += [f'UserKnownHostsFile /nonexistent/x "{blank}/%n"']
    assert hello(configured(*lines, key=False, known_hosts=not client)) == "hello\n"
    with pytest.raises(Unreachable, match="UNSET_HERE"):
        hello(configured("IdentityFile ${UNSET_HERE}/key"))


def test_the_files_of_known_hosts_that_are_only_read(
    sshds: Sshds, server: Sshd, configured: Callable[..., Host]
) -> None:
    shutil.move(sshds.known_hosts, sshds.folder / "everybody")
    host = configured("UserKnownHostsFile /dev/null", known_hosts=False)
    with pytest.raises(HostKeyUnknown):
        hello(host)
    host = configured(
        "UserKnownHostsFile /dev/null", f"GlobalKnownHostsFile {sshds.folder}/everybody", known_hosts=False
    )
    assert hello(host) == "hello\n"


@pytest.mark.parametrize("file", ["/dev/null", "none", "/dev/null /dev/zero"])
def test_trust_records_nothing_where_nobody_would_find_it(
    sshds: Sshds, configured: Callable[..., Host], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(sshds.folder))
    keys = scan([configured(f"UserKnownHostsFile {file}", known_hosts=False)])
    assert [key.status for key in keys] == ["new"]
    with pytest.raises(ProvisionError, match="cannot be recorded"):
        record_each(keys)
    assert not (sshds.folder / ".ssh").exists()


def test_trust_records_in_the_file_that_openssh_would(sshds: Sshds, configured: Callable[..., Host]) -> None:
    host = configured(f"UserKnownHostsFile {sshds.folder}/kh.d/%n {sshds.folder}/other", known_hosts=False)
    assert record_each(scan([host])) == {sshds.folder / "kh.d" / "gpu-1": 1}
    assert hello(host) == "hello\n"


def test_the_agent_that_the_configuration_names(
    sshds: Sshds, configured: Callable[..., Host], agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(agent, sshds.key)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert hello(configured(f"IdentityAgent {agent}", key=False)) == "hello\n"
    monkeypatch.setenv("OTHER_AGENT", str(agent))
    assert hello(configured("IdentityAgent $OTHER_AGENT", key=False)) == "hello\n"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    with pytest.raises(AuthFailed):
        hello(configured("IdentityAgent none", key=False))


def test_a_public_key_names_the_one_that_the_agent_holds(
    sshds: Sshds, server: Sshd, configured: Callable[..., Host], agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [keygen(sshds.folder / f"other{number}") for number in range(8)]
    add(agent, *others, sshds.key)
    public = sshds.folder / "gpu.pub"
    shutil.copy(f"{sshds.key}.pub", public)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    # Eight other keys: more than the server lets anybody try.
    assert hello(configured(f"IdentityFile {public}", key=False)) == "hello\n"
    assert hello(configured("IdentitiesOnly yes", f"IdentityFile {public}", key=False)) == "hello\n"
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(AuthFailed) as caught:
        hello(configured("IdentitiesOnly yes", f"IdentityFile {public}", key=False))
    assert "public key" in "".join(caught.value.evidence)
    assert "ssh-add" in caught.value.hint


def test_a_certificate_that_the_configuration_names(
    sshds: Sshds, server: Sshd, configured: Callable[..., Host], agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, key = keygen(sshds.folder / "ca"), keygen(sshds.folder / "mine")
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", "root", f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    certificate = shutil.move(f"{key}-cert.pub", sshds.folder / "elsewhere")
    shutil.copy(f"{authority}.pub", server.folder / "authorized_keys")
    text = (server.folder / "authorized_keys").read_text()
    (server.folder / "authorized_keys").write_text(f"cert-authority {text}")
    lines = ("IdentitiesOnly yes", f"IdentityFile {key}")
    with pytest.raises(AuthFailed):
        hello(configured(*lines, key=False))
    assert hello(configured(*lines, f"CertificateFile {certificate}", key=False)) == "hello\n"
    add(agent, key)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    shutil.move(key, sshds.folder / "gone")
    assert hello(configured(*lines, f"CertificateFile {certificate}", key=False)) == "hello\n"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_key_in_pkcs8(sshds: Sshds, server: Sshd, kind: str) -> None:
    key = sshds.folder / "pkcs8"
    if kind == "ed25519":  # which ssh-keygen writes in its own format alone
        if shutil.which("openssl") is None:
            pytest.skip("no openssl here")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
        key.chmod(0o600)
        from provision.transport.key_file import KeyRing

        loaded = KeyRing().load(key)
        (server.folder / "authorized_keys").write_text(f"{loaded.get_name()} {loaded.get_base64()}\n")
    else:
        keygen(key, kind)
        subprocess.run(["ssh-keygen", "-q", "-p", "-m", "PKCS8", "-N", "", "-f", key], check=True, capture_output=True)
        shutil.copy(f"{key}.pub", server.folder / "authorized_keys")
    assert "BEGIN PRIVATE KEY" in key.read_text()
    assert hello(sshds.host(server, key=str(key))) == "hello\n"


def test_it_connects_from_the_address_that_is_named_there(configured: Callable[..., Host]) -> None:
    host = configured("AddressFamily inet", "BindAddress 127.0.0.77", "RemoteCommand tmux", "RequestTTY force")
    with Transport([host]) as transport:
        (said,) = transport.connect(host).run([Script('echo "$SSH_CONNECTION"')])
        assert said.stdout.startswith("127.0.0.77 ")
        assert transport.ignored == {"gpu-1": ("RemoteCommand",)}


def test_no_other_host_key_is_taken_than_those_named_there(configured: Callable[..., Host]) -> None:
    with pytest.raises(Unreachable, match="no host key algorithm in common") as error:
        hello(configured("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com"))
    assert error.value.hint == "HostKeyAlgorithms of your ssh_config allows no others: add one that the host offers"
    assert hello(configured("HostKeyAlgorithms +ssh-rsa")) == "hello\n"


def test_check_says_what_of_it_has_no_effect(configured: Callable[..., Host]) -> None:
    hosts = Hosts([configured("RemoteCommand tmux")])
    for command, said in (("check", True), ("up", False)):
        hosts.run(command, lambda _: Playbook())
        texts = [event.text for event in hosts.events if isinstance(event, Note)]
        assert ("RemoteCommand of ssh_config has no effect here: gpu-1" in texts) == said


def test_a_proxy_that_passes_on_the_connection_itself_is_refused(configured: Callable[..., Host]) -> None:
    with pytest.raises(Unreachable, match="ProxyUseFdpass is not known here"):
        hello(configured("ProxyUseFdpass yes", "ProxyCommand nc -F %h %p"))
