"""What the other side says is not lost, and this side does not hang: closed logins, proxies, agents, startup files."""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, Users, free_port, hello, wait_until

from provision.core.errors import AuthFailed, HostKeyUnknown, ProvisionError, ScriptFailed, Unreachable
from provision.core.script import Script, Upload
from provision.inventory.models import Host
from provision.transport import Transport, upload

pytestmark = pytest.mark.hosts

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="makes accounts")


def test_a_banner_and_the_last_sentence_of_a_refused_login_are_shown(sshds: Sshds) -> None:
    banner = sshds.folder / "banner"
    banner.write_text("Maintenance until noon\n")
    server = sshds.start(f"Banner {banner}", "MaxAuthTries 1", "DenyUsers root")
    sshds.trust(server)
    with pytest.raises(AuthFailed) as caught:
        hello(sshds.host(server, user="root"))
    assert "it says: Maintenance until noon" in caught.value.evidence
    assert "Too many authentication failures" in "".join(caught.value.evidence)
    assert "too many keys" in caught.value.message


def sentence_then_close(sentences: bytes) -> socket.socket:
    """A server that says something before its version, and hangs up."""
    listener = socket.socket()
    listener.bind(("127.0.1.7", 0))
    listener.listen(8)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(100)
            connection.sendall(sentences)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_what_a_server_says_before_its_version_is_shown() -> None:
    with sentence_then_close(b"Not allowed at this time\r\n") as listener:
        address, port = listener.getsockname()
        ssh = {"port": port, "connect_timeout": 0.5, "config": os.devnull}
        host = Host.model_validate({"name": "h", "address": address, "ssh": ssh})
        with pytest.raises(Unreachable, match="Not allowed at this time"):
            hello(host)


@ROOT
def test_an_expired_account_is_not_called_too_many_keys(sshds: Sshds, user: Users) -> None:
    name = user.make()
    subprocess.run(["chage", "-E", "1", name], check=True)
    server = sshds.start("UsePAM yes")
    sshds.trust(server)
    with pytest.raises(AuthFailed) as caught:
        hello(sshds.host(server, user=name))
    said = " ".join([caught.value.message, *caught.value.evidence])
    assert "too many keys" not in said
    assert "expired" in said or "closed the connection" in said
    assert "chage" in caught.value.hint or "by hand" in caught.value.hint


@ROOT
def test_what_is_said_instead_of_a_shell_is_shown(sshds: Sshds, user: Users) -> None:
    """As sshd does for /etc/nologin, which would be there for everybody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shell = Path(folder) / "shell"
        shell.write_text("#!/bin/sh\necho 'System is booting up, come back later' >&2; exit 254\n")
        shell.chmod(0o755)
        name = user.make(str(shell))
        server = sshds.start()
        sshds.trust(server)
        with pytest.raises(ScriptFailed, match=r"exit code 254.*System is booting up"):
            hello(sshds.host(server, user=name))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("nosuchprog-of-ours %h %p", "not found"),
        ("sh -c 'echo the bastion is closed >&2; exit 3'", "the bastion is closed"),
        ("sh -c 'echo Host key verification failed. >&2; exit 255'", "Host key verification failed"),
    ],
)
def test_a_proxy_that_fails_is_one_hosts_error_with_its_words(
    sshds: Sshds, server: Sshd, command: str, said: str
) -> None:
    config = sshds.folder / "config"
    config.write_text(f"Host {server.address}\n  ProxyCommand {command}\n")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="ProxyCommand") as caught:
        hello(sshds.host(server, config=str(config), connect_timeout=1))
    assert said in " ".join(caught.value.evidence)
    assert command.split(maxsplit=1)[0] in caught.value.evidence[0]
    assert command not in " ".join(caught.value.evidence)  # a password may stand in it
    assert "exit code" in caught.value.message
    assert time.monotonic() - began < 60


def test_a_proxy_gets_the_port_that_is_meant_and_ends_with_the_connection(sshds: Sshds, server: Sshd) -> None:
    config, pid = sshds.folder / "config", sshds.folder / "pid"
    relay = sshds.folder / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def out():\n"
        "    while d := s.recv(65536): os.write(1, d)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=out, daemon=True).start()\n"
        "while d := os.read(0, 65536): s.sendall(d)\n"
    )
    config.write_text(f"Host {server.address}\n  ProxyCommand {sys.executable} {relay} %h %p\n")
    assert hello(sshds.host(server, config=str(config))) == "hello\n"
    assert wait_until(lambda: not Path(f"/proc/{pid.read_text()}").exists())


@contextmanager
def agent(folder: Path, answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """An agent that answers each request as `answer` says; None: never."""
    place = folder / "own-agent"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(8)

        def serve(connection: socket.socket) -> None:
            while size := connection.recv(4):
                request = connection.recv(struct.unpack(">I", size)[0], socket.MSG_WAITALL)
                found = answer(request)
                if found is None:
                    connection.recv(1)
                    return
                connection.sendall(struct.pack(">I", len(found)) + found)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield str(place)
        listener.shutdown(socket.SHUT_RDWR)


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def fido(request: bytes) -> bytes:
    """One security key, that nobody touches."""
    key = string(string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"ssh:"))
    return b"\x0c" + struct.pack(">I", 1) + key + string(b"yubikey") if request[0] == 11 else b"\x05"


@pytest.mark.parametrize("kind", ["stalls", "refuses", "nonsense", "cannot sign"])
def test_an_agent_that_fails_costs_its_keys_and_not_the_login(
    sshds: Sshds, server: Sshd, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    answers: dict[str, Callable[[bytes], bytes | None]] = {
        "stalls": lambda _: None,
        "refuses": lambda _: b"\x05",
        "nonsense": lambda _: b"\x0c\xff\xff\xff\xff",
        "cannot sign": fido,
    }
    config, home = sshds.folder / "config", sshds.folder / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    config.write_text("Host *\n")
    with agent(sshds.folder, answers[kind]) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", place)
        host = sshds.host(server, key=None, config=str(config), connect_timeout=5)
        with pytest.raises(AuthFailed) as caught:
            hello(host)
        assert "agent" in " ".join(caught.value.evidence)
        (home / ".ssh" / "id_ed25519").write_bytes(sshds.key.read_bytes())
        (home / ".ssh" / "id_ed25519").chmod(0o600)
        assert hello(host) == "hello\n"


def test_one_session_at_a_time_is_enough(sshds: Sshds, tmp_path: Path) -> None:
    server = sshds.start("MaxSessions 1")
    sshds.trust(server)
    source = tmp_path / "file"
    source.write_text("x")
    host = sshds.host(server)
    with Transport([host]) as transport:
        session = transport.connect(host)
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda n: session.run([Script("echo $n", {"n": n})])[0].stdout, range(8)))
        session.send([Upload(source, str(tmp_path / "into"))])
    assert done == [f"{n}\n" for n in range(8)]
    assert (tmp_path / "into" / "file").read_text() == "x"


def test_a_host_that_opens_no_session_is_named(sshds: Sshds) -> None:
    server = sshds.start("MaxSessions 0")
    sshds.trust(server)
    host = sshds.host(server)
    cancel = threading.Event()
    with Transport([host], cancel=cancel) as transport:
        session = transport.connect(host)
        threading.Timer(2, cancel.set).start()
        with pytest.raises(ProvisionError, match="no further session"):
            session.run([Script("true")])


def test_a_jump_host_that_forbids_forwarding_is_named(sshds: Sshds, server: Sshd) -> None:
    bastion = sshds.start("AllowTcpForwarding no")
    sshds.trust(bastion)
    with pytest.raises(Unreachable, match=f"the jump host `{bastion.address}` does not forward") as caught:
        hello(sshds.host(server, jump=f"root@{bastion.address}:{bastion.port}"))
    assert "AllowTcpForwarding" in caught.value.hint


def test_the_hop_that_refused_is_named(sshds: Sshds, server: Sshd) -> None:
    bastion = sshds.start("DenyUsers root")
    jump = f"root@{bastion.address}:{bastion.port}"
    with pytest.raises(HostKeyUnknown, match=f"host key of the jump host `{bastion.address}`"):
        hello(sshds.host(server, jump=jump))
    sshds.trust(bastion)
    with pytest.raises(AuthFailed, match=f"cannot log in to the jump host `{bastion.address}` as `root`"):
        hello(sshds.host(server, jump=jump))


def test_a_dead_jump_host_is_tried_once_for_all_hosts_behind_it(sshds: Sshds) -> None:
    port = free_port("127.0.1.9")
    hosts = []
    for number in range(4):
        ssh = {"jump": f"root@127.0.1.9:{port}", "config": os.devnull, "key": str(sshds.key), "connect_timeout": 5}
        hosts.append(Host.model_validate({"name": f"h{number}", "address": "127.0.1.8", "ssh": ssh}))
    tried: list[str] = []

    def fail(host: Host) -> str:
        with pytest.raises(Unreachable, match="jump host: nothing listens") as caught:
            transport.connect(host)
        return caught.value.host

    from provision.transport import connect

    dial = connect.dial
    with pytest.MonkeyPatch.context() as patched, Transport(hosts) as transport:
        patched.setattr(connect, "dial", lambda *how: tried.append(how[1]) or dial(*how))
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(fail, hosts)) == ["h0", "h1", "h2", "h3"]
    assert tried == ["127.0.1.9"]


@ROOT
@pytest.mark.parametrize("startup", ["read -r x; read -r y", "head -c 10000000 /dev/zero | tr '\\0' x"])
def test_startup_files_that_read_a_line_or_print_megabytes(
    sshds: Sshds, user: Users, tmp_path: Path, startup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = user.make("/bin/bash")
    Path(f"~{name}/.bashrc").expanduser().write_text(f"{startup}\n")
    server = sshds.start(startup=True)
    sshds.trust(server)
    source = tmp_path / "file"
    source.write_bytes(b"x" * 3_000_000)
    large = tmp_path / "large"
    large.write_bytes(b"x" * 4_000_000)
    monkeypatch.setattr(upload, "PART", 3_500_000)
    host = sshds.host(server, user=name)
    with Transport([host]) as transport:
        session = transport.connect(host)
        long = "v" * 3_000_000  # more than a window holds
        assert session.run([Script("echo ${#long}", {"long": long})])[0].stdout == "3000000\n"
        session.send([Upload(source, "~/into"), Upload(large, "~/into")])
    assert Path(f"~{name}/into/file").expanduser().stat().st_size == 3_000_000
    assert Path(f"~{name}/into/large").expanduser().stat().st_size == 4_000_000


@ROOT
def test_a_startup_file_that_waits_is_named(sshds: Sshds, user: Users) -> None:
    name = user.make("/bin/bash")
    Path(f"~{name}/.bashrc").expanduser().write_text("echo waiting for you; cat > /dev/null\n")
    server = sshds.start(startup=True)
    sshds.trust(server)
    host = sshds.host(server, user=name)
    with Transport([host]) as transport, pytest.raises(ProvisionError, match="login shell had not started") as caught:
        transport.connect(host).run([Script("true", timeout=3)])
    assert "startup file" in caught.value.hint
    assert "waiting for you" in caught.value.evidence


@ROOT
@pytest.mark.parametrize(
    ("size", "message"), [(2_000_000, "nothing was stored"), (4_000_000, "had not begun to take files after")]
)
def test_a_startup_file_that_reads_all_of_an_upload_is_named(
    sshds: Sshds, user: Users, tmp_path: Path, size: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = user.make("/bin/bash")
    Path(f"~{name}/.bashrc").expanduser().write_text("echo waiting for you; cat > /dev/null\n")
    server = sshds.start(startup=True)
    sshds.trust(server)
    (tmp_path / "file").write_bytes(bytes(size))
    monkeypatch.setattr(upload, "PART", 3_000_000)
    monkeypatch.setattr(upload, "STARTING", 2.0)
    with (
        Transport([sshds.host(server, user=name)]) as transport,
        pytest.raises(ProvisionError, match=message) as caught,
    ):
        transport.connect(transport.hosts[0]).send([Upload(tmp_path / "file", "~/into")])
    assert "startup file" in caught.value.hint
    assert "waiting for you" in caught.value.evidence
    assert not Path(f"~{name}/into").expanduser().exists()
