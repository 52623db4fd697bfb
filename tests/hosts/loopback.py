"""Real sshds on loopback addresses, one per host of a test, with own host keys and one authorized key.

Everything is ended by its process id.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from provision.core.script import Script
from provision.inventory.models import Host, Ssh
from provision.transport import Transport

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def prepare_sshd() -> None:
    """What an sshd insists on that root starts, and only its own service makes."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A key pair at `path` and `path.pub`."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path], check=True)
    return path


#: Tells the leases of one sshd from those of another, which has the same /run and, for the same user, the same home.
LEASES = "PROVISION_LEASES"


def leases_of(address: str, port: int) -> str:
    return f"test-{address}-{port}"


@dataclass
class Sshd:
    """One server. `stop` ends it and every connection that it serves."""

    address: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def host_key(self) -> str:
        """`ssh-ed25519 AAAA…`"""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def logins(self) -> int:
        return self.log.count("Accepted publickey")

    def connections(self) -> list[int]:
        """The processes that serve connections (and their children that dropped privileges)."""
        listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = [(int(pid), int(parent)) for pid, parent in (line.split() for line in listing.splitlines())]
        mine = [pid for pid, parent in parents if parent == self.process.pid]
        return mine + [pid for pid, parent in parents if parent in mine]

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        for pid in (*self.connections(), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.process.wait(10)
        # What a run that was killed has left for the next one.
        name = leases_of(self.address, self.port)
        for left in (Path(f"/run/provision/lease-{name}"), Path.home() / ".provision/lease" / name):
            shutil.rmtree(left, ignore_errors=True)


@dataclass
class Sshds:
    """Starts servers for one test."""

    folder: Path
    key: Path
    known_hosts: Path
    running: list[Sshd] = field(default_factory=list)

    def start(
        self, *options: str, address: str = "", port: int = 0, host_key: Path | None = None, startup: bool = False
    ) -> Sshd:
        """`options` are lines of sshd_config. `startup`: shells read the startup files of who logs in. Those of whoever
        runs the tests are no part of them, and may take longer than all the rest: an `eval "$(pyenv init -)"`."""
        number = len(self.running) + 1
        address = address or f"127.0.1.{number}"
        port = port or free_port(address)
        folder = self.folder / f"sshd-{number}"
        folder.mkdir()
        if host_key is None:
            keygen(folder / "host_key")
        else:
            shutil.copy(host_key, folder / "host_key")
            shutil.copy(f"{host_key}.pub", folder / "host_key.pub")
        config = folder / "config"
        shutil.copy(f"{self.key}.pub", folder / "authorized_keys")
        lines = (
            *options,
            f"ListenAddress {address}:{port}",
            f"HostKey {folder}/host_key",
            f"AuthorizedKeysFile {folder}/authorized_keys .ssh/authorized_keys",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "StrictModes no",
            "PidFile none",
            "UsePAM no",
            "MaxStartups 200",
            "MaxSessions 50",
            # bash reads .bashrc for a command over SSH unless another shell has started it.
            f"SetEnv {LEASES}={leases_of(address, port)}{'' if startup else ' SHLVL=1'}",
        )
        config.write_text("".join(f"{line}\n" for line in lines))
        log = (folder / "log").open("wb")
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        server = Sshd(address, port, folder, process)
        self.running.append(server)
        wait_until(lambda: listens(address, port) or process.poll() is not None)
        assert process.poll() is None, server.log
        return server

    def trust(self, server: Sshd) -> None:
        with self.known_hosts.open("a") as file:
            file.write(f"[{server.address}]:{server.port} {server.host_key}\n")

    def host(self, server: Sshd, name: str = "", *, user: str | None = None, sudo: bool = False, **ssh: object) -> Host:
        settings: dict[str, object] = {
            "port": server.port,
            "key": str(self.key),
            "user": user,
            "known_hosts": str(self.known_hosts),
            "config": os.devnull,
            "connect_timeout": 10,
        }
        return Host(
            name=name or f"host-{self.running.index(server) + 1}",
            address=server.address,
            sudo=sudo,
            ssh=Ssh.model_validate({**settings, **ssh}),
        )


@dataclass
class Users:
    """Temporary accounts of this machine, which the test's key opens."""

    key: Path
    made: list[str] = field(default_factory=list)

    def make(self, shell: str = "/bin/sh", password: str = "", sudoers: str = "") -> str:
        """`sudoers`: what follows the user's name in a rule, such as `ALL=(ALL) NOPASSWD: ALL`."""
        name = f"prov{uuid.uuid4().hex[:8]}"
        subprocess.run(["useradd", "-m", "-s", shell, name], check=True, capture_output=True)
        self.made.append(name)
        ssh = Path(f"~{name}").expanduser() / ".ssh"
        ssh.mkdir()
        shutil.copy(f"{self.key}.pub", ssh / "authorized_keys")
        ssh.parent.chmod(0o755)
        if password:
            subprocess.run(["chpasswd"], input=f"{name}:{password}".encode(), check=True)
        else:
            subprocess.run(["usermod", "-p", "*", name], check=True)  # no password, but not locked either
        if sudoers:
            rule = Path("/etc/sudoers.d") / name
            rule.write_text(f"Defaults:{name} env_keep += {LEASES}\n{name} {sudoers}\n")
            rule.chmod(0o440)
        return name

    def remove(self) -> None:
        for name in self.made:
            (Path("/etc/sudoers.d") / name).unlink(missing_ok=True)
            wait_until(lambda name=name: subprocess.run(["pgrep", "-u", name], capture_output=True).returncode, 5)
            subprocess.run(["userdel", "-r", name], check=False, capture_output=True)


def free_port(address: str) -> int:
    with socket.socket() as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


def listens(address: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((address, port)) == 0


def wait_until(true: Callable[[], object], seconds: float = 15.0) -> bool:
    """Whether `true()` came true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def processes_with(word: str) -> list[int]:
    """The processes whose command line holds `word`, this one excepted: the witness, by /proc alone."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if word.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def processes_below(folder: Path, word: str) -> list[int]:
    """Of those, the ones that work in a folder below `folder`: other tests, and other runs, have theirs elsewhere."""
    found = []
    for pid in processes_with(word):
        with contextlib.suppress(OSError):
            if folder in Path(f"/proc/{pid}/cwd").readlink().parents:
                found.append(pid)
    return found


def hello(host: Host) -> str:
    """What the host says, asked over a connection of its own."""
    with Transport([host]) as transport:
        return transport.connect(host).run([Script("echo hello")])[0].stdout
