"""Lab-like hosts: loopback addresses with real sshds, one folder for all that they keep, nothing of the user's.

The hosts share this machine's processor with the controller, so that what they do themselves counts as well.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import index
from benchmarks.ending import ends_with

#: sshd listens on so many addresses at most (MAX_LISTEN_SOCKS in its source).
PER_SSHD = 16

CONFIG = """\
{listen}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
MaxStartups 1000
PrintMotd no
PrintLastLog no
LogLevel ERROR
SetEnv "PATH={path}" "HOME={home}"
"""


@dataclass
class Rack:
    """`count` hosts, in `folder`. A context manager: leaving ends every process that it started."""

    folder: Path
    count: int
    port: int = 0
    _servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.{2 + number // 200}.{1 + number % 200}" for number in range(self.count)]

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yaml"

    @property
    def cluster(self) -> str:
        """Two that run at once on one machine must not end each other's services, which carry this name."""
        return f"bench-{os.getpid()}"

    @property
    def hosts_root(self) -> Path:
        return self.folder / "hosts"

    def __enter__(self) -> Rack:
        try:
            self._prepare()
            for first in range(0, self.count, PER_SSHD):
                self._servers.append(self._serve(first))
            for address in self.addresses:
                self._await(address)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
        for server in self._servers:
            server.wait(10)

    def cpu(self) -> float:
        """Seconds that the hosts have computed: sshd, what it has waited for, and what of it still runs (Ansible keeps
        its connections for a while)."""
        ticks, below = 0, {server.pid for server in self._servers}
        rows = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                cells = path.read_text().rpartition(")")[2].split()
                rows[int(path.parent.name)] = (int(cells[1]), sum(map(int, cells[11:15])))
        while below:
            ticks += sum(rows[pid][1] for pid in below)
            below = {pid for pid, (parent, _) in rows.items() if parent in below}
        return ticks / os.sysconf("SC_CLK_TCK")

    def spec(self, lock_digest: str, lock_short: str) -> dict[str, Any]:
        """What the lower bound is told: where everything is, since it is to look and not to think."""
        root = self.hosts_root
        hosts = []
        for number, address in enumerate(self.addresses):
            own = self.own(number)
            variables = {
                "root": str(root),
                "head": self.addresses[0],
                "env": str(root / "envs" / lock_short),
                "current": str(root / "envs" / f"current-{self.cluster}"),
                "token": str(own / "ray-token"),
                "service": str(own / "ray"),
                "ports": " ".join(map(str, self.ray_ports)),
                "mark": f"{self.cluster}/{self.name(number)}/",
                # The control store of the head, and the node manager of each.
                "greets": " ".join(f"{address}:{port}" for port in self.ray_ports[bool(number) : 2]),
            }
            hosts.append({"address": address, "variables": variables})
        return {
            "hosts": hosts,
            "port": self.port,
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "key": str(self.folder / "key"),
            "known_hosts": str(self.folder / "known_hosts"),
            "script": (Path(__file__).parent / "one_script.sh").read_text(),
            "packages": index.PACKAGES,
        }

    def own(self, number: int) -> Path:
        """What a host has of the cluster."""
        return self.hosts_root / "clusters" / self.cluster / self.name(number)

    def name(self, number: int) -> str:
        return f"bench-{number + 1:03d}"

    def _prepare(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.folder.mkdir(parents=True)
        (self.folder / "home").mkdir()
        for name in ("key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        (self.folder / "ssh_config").touch()
        self.port = self._free_ports(1)[0]
        words = " ".join((self.folder / "host_key.pub").read_text().split()[:2])
        known = "".join(f"[{address}]:{self.port} {words}\n" for address in self.addresses)
        (self.folder / "known_hosts").write_text(known)
        self.ray_ports = self._free_ports(7)
        self._write_inventory(index.build(self.folder / "index", self.addresses))

    def _free_ports(self, count: int) -> list[int]:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.create_server((self.addresses[0], 0))) for _ in range(count)]
            return [int(sock.getsockname()[1]) for sock in socks]

    def _write_inventory(self, index_url: str) -> None:
        names = (
            "port", "node_manager_port", "object_manager_port", "runtime_env_agent_port", "dashboard_agent_grpc_port",
            "dashboard_agent_listen_port", "metrics_export_port",
        )  # fmt: skip
        ray = ", ".join(f"{name}: {port}" for name, port in zip(names, self.ray_ports, strict=True))
        hosts = "".join(
            f"  {self.name(number)}: {{address: {address}{', role: head' if number == 0 else ''}}}\n"
            for number, address in enumerate(self.addresses)
        )
        user = pwd.getpwuid(os.getuid()).pw_name
        self.inventory.write_text(
            f"cluster: {self.cluster}\n"
            f"root: {self.hosts_root}\n"
            f"ssh: {{user: {user}, port: {self.port}, key: {self.folder}/key, config: {self.folder}/ssh_config,"
            f" known_hosts: {self.folder}/known_hosts}}\n"
            f'python: {{version: "{sys.version_info.major}.{sys.version_info.minor}", packages: [ray=={index.RAY}],'
            f" index: '{index_url}', compile: false}}\n"
            f"ray: {{{ray}}}\n"
            f"hosts:\n{hosts}"
        )

    def _serve(self, first: int) -> subprocess.Popen[bytes]:
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
        if program is None:
            raise SystemExit("there is no sshd on this machine (Debian: apt-get install openssh-server)")
        addresses = self.addresses[first : first + PER_SSHD]
        config = self.folder / f"sshd_config.{first}"
        path = f"{self._python()}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        listen = "\n".join(f"ListenAddress {address}:{self.port}" for address in addresses)
        config.write_text(CONFIG.format(listen=listen, folder=self.folder, path=path, home=self.folder / "home"))
        log = self.folder / f"sshd.{first}.log"
        argv = [*self._with_service(), program, "-D", "-f", config, "-E", log]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=partial(ends_with, os.getpid()))

    @functools.cached_property
    def has_service(self) -> bool:
        """Whether hosts have a service `ray` for what asks an init system: as root, who may make namespaces."""
        if os.geteuid() != 0 or not Path("/etc/init.d").is_dir() or not shutil.which("unshare"):
            return False
        tried = ["unshare", "--mount", "--propagation", "private", "true"]
        return subprocess.run(tried, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def _with_service(self) -> list[str | Path]:
        if not self.has_service:
            return []
        folder = self.folder / "init.d"
        if not folder.exists():
            (folder / ".stamps").mkdir(parents=True)
            for number, address in enumerate(self.addresses):
                (folder / ".stamps" / address).write_text(f"{self.own(number)}/ray/stamp\n")
            shutil.copyfile(Path(__file__).with_name("service.sh"), folder / "ray")
            (folder / "ray").chmod(0o755)
        alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
        return [*alone, 'mount --bind "$0" /etc/init.d && exec "$@"', folder]

    def _python(self) -> Path:
        """A folder with this Python and nothing else: the hosts have one that fits, and no uv."""
        folder = self.folder / "python"
        folder.mkdir(exist_ok=True)
        link = folder / f"python{sys.version_info.major}.{sys.version_info.minor}"
        if not link.exists():
            link.symlink_to(Path(sys.base_prefix) / "bin" / link.name)
        return folder

    def _await(self, address: str) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((address, self.port), 5).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    logs = "".join(path.read_text() for path in self.folder.glob("sshd.*.log"))
                    raise SystemExit(f"sshd does not start on {address}:{self.port}\n{logs}") from None
                time.sleep(0.02)
