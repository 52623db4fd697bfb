"""Hosts without root: an sshd of our own on loopback addresses, 127.0.x.2, 127.0.x.3 …, and a high port each.

They share this machine's processes, /tmp, firewall and the user's home. What was started through one of these
sshds carries the host's mark in its environment, so that the end of the lab is its end, too.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from provision.core import person
from provision.lab import access, gpus, ports, processes
from provision.lab.command import LabError, run
from provision.lab.requirements import find
from provision.lab.state import MARK, HostState, LabState

Say = Callable[[str], None]

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# Seconds. On a busy machine both take as long as they take: these end what would never end.
START_TIMEOUT = 300.0  # until an sshd greets
STOP_TIMEOUT = 600.0  # until killed processes are gone
SSHD = """\
ListenAddress {address}:{port}
ListenAddress {address}:{held}
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


def plan(name: str, directory: Path, count: int, gpu_count: int) -> LabState:
    """Everything that `make` will make, named. Hold the machine's lock until it is made."""
    if count > ports.MOST_HOSTS:
        why = f"a lab on loopback has at most {ports.MOST_HOSTS} hosts, not {count}"
        raise LabError(why, hint=f"each takes {ports.BLOCK} ports of this machine; as root, hosts have their own")
    user = login()
    net, blocks = ports.free_network(directory), ports.free_blocks(count)
    hosts = tuple(
        HostState(
            f"lab-{number}", f"127.0.{net}.{number + 1}", str(directory / "hosts" / f"lab-{number}"), first_port=first
        )
        for number, first in enumerate(blocks, 1)
    )
    scratch = tempfile.mkdtemp(prefix="provision-lab-")
    return LabState(name, "loopback", hosts, gpu_count, blocks[0] + ports.SSHD, user, init="sshd", scratch=scratch)


def login() -> str:
    """The name to log in with. Raises LabError where there is none: sshd asks passwd."""
    needs = "hosts on loopback addresses need a user that can log in, and"
    try:
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise LabError(
            f"{needs} uid {os.geteuid()} has no entry in passwd",
            hint=f"as root: useradd --non-unique --uid {os.geteuid()} --create-home provision, or run it as root",
        ) from None
    shell = user.pw_shell or "/bin/sh"  # passwd(5)
    if Path(shell).name in ("nologin", "false") or not os.access(shell, os.X_OK):
        raise LabError(
            f"{needs} the shell of `{user.pw_name}` is `{shell}`",
            hint=f"as root: usermod --shell /bin/sh {user.pw_name}, or run it as another user",
        )
    if _locked(user.pw_name):
        raise LabError(
            f"{needs} the account `{user.pw_name}` is locked",
            hint=f"as root: usermod --password '*' {user.pw_name}, which still lets nobody log in by password",
        )
    return user.pw_name


def _locked(user: str, shadow: Path = Path("/etc/shadow")) -> bool:
    """sshd without PAM lets nobody in whose password begins with `!` (sshd(8), AUTHENTICATION). Who may not read the
    file runs an sshd that may not either, and lets them in."""
    try:
        lines = shadow.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{user}:!") for line in lines)


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
        (Path(host.directory) / "sshd_config").write_text(configuration(state, host, directory), "utf-8")
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
    for host in state.hosts:
        stand_ins = {k: v for k, v in environment(state, host, directory).items() if k != "PATH"}
        settings[host.name] = {"env": stand_ins, "ray": ports.ray_ports(host.first_port)}
    return settings


def environment(state: LabState, host: HostState, directory: Path) -> dict[str, str]:
    """What every session on the host finds in its environment. What vLLM and torch leave in a user's /tmp and home goes
    to the lab's own folder, whose name is short enough for the sockets in it."""
    return {
        "PATH": f"{directory}/common/bin:{PATH}",
        "LD_LIBRARY_PATH": f"{directory}/common/lib",
        gpus.VARIABLE: str(gpus_file(host)),
        MARK: host.directory,
        "TMPDIR": state.scratch,
        "VLLM_CACHE_ROOT": f"{state.scratch}/vllm",
        # They share a home as well, or /run.
        "PROVISION_LEASES": _leases(state, host),
    }


def _leases(state: LabState, host: HostState) -> str:
    """What the host is called where the leases of hosts are kept (payload/lease/library.sh)."""
    return f"lab-{state.name}-{host.name}"


def configuration(state: LabState, host: HostState, directory: Path) -> str:
    variables = " ".join(f'"{name}={value}"' for name, value in environment(state, host, directory).items())
    return SSHD.format(
        address=host.address,
        port=state.port,
        held=host.first_port + ports.HELD,
        folder=host.directory,
        directory=directory,
        environment=variables,
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
    while found := processes.marked(
        [host.directory for host in hosts],
        # sshd escapes letters beyond ASCII in its title, so that the path of its host may not be found there.
        known={pid for host in hosts if (pid := pid_of(host))},
    ):
        for identity in found:
            processes.send(identity, signal.SIGKILL)
        if not processes.gone(found, max(0.0, deadline - time.monotonic())):
            raise LabError(f"processes that cannot be killed: {', '.join(str(pid) for pid, _ in found)}")
        processes.reap(pid for pid, _ in found)


def unmake(state: LabState) -> None:
    """Removes what `plan` and `make` have made outside the lab's directory, as far as it is there."""
    stop(state.hosts)
    if state.scratch:
        shutil.rmtree(state.scratch, ignore_errors=True)
    for name in (_leases(state, host) for host in state.hosts):
        # Of a run that was killed.
        home = person.home()
        for left in (Path(f"/run/provision/lease-{name}"), *([home / ".provision/lease" / name] if home else [])):
            shutil.rmtree(left, ignore_errors=True)


def execute(
    state: LabState, host: HostState, directory: Path, argv: Sequence[str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Runs `argv` as this user with the host's environment, without SSH."""
    if not pid_of(host):
        raise LabError(f"{host.name} is off")
    home = person.home()
    variables = {**environment(state, host, directory), **({"HOME": str(home)} if home else {})}
    return run(argv, timeout=timeout, env=variables, check=False)
