"""Hosts without root: an sshd of our own on 127.0.0.2, 127.0.0.3 … and a high port each.

They share this machine's processes, /tmp, firewall and the user's home. What was started through one of these
sshds carries the host's mark in its environment, so that the end of the lab is its end, too.
"""

from __future__ import annotations

import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from provision.lab import access, gpus, processes
from provision.lab.command import LabError, run
from provision.lab.requirements import find
from provision.lab.state import MARK, HostState, LabState

Say = Callable[[str], None]

MOST_HOSTS = 250
PORTS = range(20000, 32000)  # below what the kernel hands out by itself (from 32768)
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
START_TIMEOUT = 20.0  # seconds until an sshd greets
STOP_TIMEOUT = 10.0  # seconds until killed processes are gone
SSHD = """\
ListenAddress {address}:{port}
HostKey "{folder}/host_key"
PidFile "{folder}/sshd.pid"
AuthorizedKeysFile "{directory}/key.pub"
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
UseDNS no
Subsystem sftp internal-sftp
SetEnv {environment}
"""


RAY_PORTS = 22000
RAY_PORT_NAMES = (
    "port", "node_manager_port", "object_manager_port", "runtime_env_agent_port", "dashboard_agent_grpc_port",
    "dashboard_agent_listen_port", "metrics_export_port", "dashboard_port",
)  # fmt: skip


def plan(name: str, directory: Path, count: int, gpu_count: int) -> LabState:
    if count > MOST_HOSTS:
        raise LabError(f"a lab on loopback has at most {MOST_HOSTS} hosts, not {count}")
    addresses = [f"127.0.0.{number + 1}" for number in range(1, count + 1)]
    hosts = tuple(
        HostState(f"lab-{number}", address, str(directory / "hosts" / f"lab-{number}"))
        for number, address in enumerate(addresses, 1)
    )
    user = pwd.getpwuid(os.geteuid()).pw_name
    return LabState(name, "loopback", hosts, gpu_count, free_port(addresses), user, init="sshd")


def free_port(addresses: Sequence[str]) -> int:
    """A port that is free on every one of these addresses now."""
    for port in random.sample(PORTS, 100):
        try:
            for address in addresses:
                with socket.socket() as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        return port
    raise LabError(f"no port between {PORTS.start} and {PORTS.stop} is free on {', '.join(addresses)}")


def make(state: LabState, directory: Path, cache: Path, say: Say) -> LabState:
    """Starts the sshds and waits until each greets; the state as it came out."""
    say(f"starting {len(state.hosts)} hosts on loopback addresses, port {state.port}")
    gpus.install(cache, directory / "common/bin", directory / "common/lib")
    keys = [(Path(host.directory) / "host_key", host.name) for host in state.hosts]
    access.make_keys([(directory / "key", f"provision-lab-{state.name}"), *keys])
    lines = [
        (host.address, state.port, access.public_key(path)) for host, (path, _) in zip(state.hosts, keys, strict=True)
    ]
    (directory / "known_hosts").write_text(access.known_hosts(lines))
    if os.geteuid() == 0:
        # sshd started by root insists on this folder, which only its own service makes.
        Path("/run/sshd").mkdir(exist_ok=True)
    for host in state.hosts:
        gpus_file(host).write_text(gpus.of_host(state.name, host.name, state.gpus).text())
        (Path(host.directory) / "sshd_config").write_text(configuration(host, state.port, directory))
        start(host)
    for host in state.hosts:
        await_answer(host, state.port)
    return replace(state, complete=True)


def gpus_file(host: HostState) -> Path:
    return Path(host.directory) / "gpus.conf"


def own_settings(state: LabState, directory: Path) -> dict[str, dict[str, object]]:
    """What each host says for itself in the inventory. Services inherit nothing from sshd, so the stand-ins' variables
    stand here; and the hosts share this machine's ports, which Ray binds on every address."""
    settings: dict[str, dict[str, object]] = {}
    for number, host in enumerate(state.hosts):
        stand_ins = {k: v for k, v in environment(host, directory).items() if k != "PATH"}
        first = RAY_PORTS + number * 200
        ports = {name: first + offset for offset, name in enumerate(RAY_PORT_NAMES)}
        ports |= {"min_worker_port": first + 100, "max_worker_port": first + 199}
        settings[host.name] = {"env": stand_ins, "ray": ports}
    return settings


def environment(host: HostState, directory: Path) -> dict[str, str]:
    """What every session on the host finds in its environment."""
    return {
        "PATH": f"{directory}/common/bin:{PATH}",
        "LD_LIBRARY_PATH": f"{directory}/common/lib",
        gpus.VARIABLE: str(gpus_file(host)),
        MARK: host.directory,
    }


def configuration(host: HostState, port: int, directory: Path) -> str:
    variables = " ".join(f'"{name}={value}"' for name, value in environment(host, directory).items())
    return SSHD.format(
        address=host.address, port=port, folder=host.directory, directory=directory, environment=variables
    )


def start(host: HostState) -> None:
    # sshd runs itself again for each session, and therefore wants its absolute path.
    program = find("sshd") or "/usr/sbin/sshd"
    folder = Path(host.directory)
    process = subprocess.Popen(
        [program, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "sshd.log")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={MARK: host.directory, "PATH": PATH},
        start_new_session=True,
    )
    processes.record(folder / "started.pid", process.pid)
    # It lives on after this program: nobody here waits for it.
    process.returncode = 0


def pid_of(host: HostState) -> int:
    """The pid of the host's sshd, 0 if it does not run."""
    return processes.recorded(Path(host.directory) / "started.pid")


def await_answer(host: HostState, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not access.greets(host.address, port):
        if not pid_of(host) or time.monotonic() > deadline:
            log = Path(host.directory) / "sshd.log"
            said = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
            raise LabError(f"{host.name}: sshd on {host.address}:{port} did not start", evidence=said)
        time.sleep(0.02)


def stop(hosts: Sequence[HostState]) -> None:
    """Ends the hosts' sshds and everything that was started through them."""
    deadline = time.monotonic() + STOP_TIMEOUT
    # Again and again: what is being killed may just have started something.
    while found := processes.marked([host.directory for host in hosts]):
        for identity in found:
            processes.send(identity, signal.SIGKILL)
        if not processes.gone(found, max(0.0, deadline - time.monotonic())):
            raise LabError(f"processes that cannot be ended: {', '.join(str(pid) for pid, _ in found)}")
        processes.reap(pid for pid, _ in found)


def execute(host: HostState, directory: Path, argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs `argv` as this user with the host's environment, without SSH."""
    if not pid_of(host):
        raise LabError(f"{host.name} is off")
    variables = {**environment(host, directory), "HOME": str(Path.home())}
    return run(argv, timeout=timeout, env=variables, check=False)
