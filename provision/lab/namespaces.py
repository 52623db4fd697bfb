"""Hosts made of namespaces: own network, root, processes, host name, and systemd as PID 1 where it comes up."""

from __future__ import annotations

import ipaddress
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

from provision.lab import access, base, cgroups, containers, hostfiles, network, processes
from provision.lab.command import LabError, run
from provision.lab.requirements import find
from provision.lab.state import MARK, Containers, HostState, Init, LabState

Say = Callable[[str], None]

# Seconds. On a busy machine each of these takes as long as it takes: they end what would never end.
SUPERVISOR_TIMEOUT = 300.0
SYSTEMD_TIMEOUT = 120.0
SSHD_TIMEOUT = 300.0
STOP_TIMEOUT = 30.0  # until a host that was asked to end is killed
KILL_TIMEOUT = 600.0


@dataclass(frozen=True)
class NamespaceOptions:
    """`root` holds the caches that labs share; `layers` are further read-only folders of the hosts' root. `fabric`: a
    second interface in every host; `containers`: what runs containers there."""

    root: Path
    sudo: bool = True
    layers: tuple[Path, ...] = ()
    shm_bytes: int = 2 << 30
    init: Init = "systemd"
    fabric: bool = False
    containers: Containers = ""


@dataclass(frozen=True)
class Power:
    """What a host's supervisor has recorded: the pid of PID 1 on the machine (0: off) and how often it booted."""

    pid: int = 0
    boots: int = 0


def power(host: HostState) -> Power:
    try:
        said = json.loads((Path(host.directory) / "running.json").read_text())
    except FileNotFoundError:
        return Power()
    pid = int(said["pid"])
    return Power(pid if pid and processes.started(pid) is not None else 0, int(said["boots"]))


def supervisor_pid(host: HostState) -> int:
    """As recorded, 0 if it never was."""
    try:
        return int((Path(host.directory) / "supervisor.pid").read_text())
    except FileNotFoundError:
        return 0


def impossible(root: Path) -> str:
    """Why this machine cannot make such hosts below `root` although we are root, or nothing if it can."""
    with tempfile.TemporaryDirectory(prefix="base-try-", dir=root) as folder:
        lower, upper, work, top = (Path(folder) / name for name in ("lower", "upper", "work", "top"))
        for path in (lower, upper, work, top):
            path.mkdir()
        layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
        spaces = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork"]
        if run([*spaces, "true"], check=False).returncode != 0:
            return "this machine does not allow creating namespaces, as in an unprivileged container"
        mount = ["mount", "-t", "overlay", "overlay", "-o", layers, str(top)]
        if run([*spaces, *mount], check=False).returncode != 0:
            return f"{root} cannot be the upper layer of an overlay, as inside a container"
    return ""


def supervised(host: HostState) -> bool:
    """Whether the host's supervisor is there, and still the process that the lab started."""
    found = processes.marked([host.directory], descendants=False)
    return supervisor_pid(host) in (pid for pid, _ in found)


def plan(name: str, directory: Path, count: int, gpu_count: int, *, fabric: bool = False) -> LabState:
    """Everything that `make` will make, named. Hold the machine's lock until the bridges exist."""
    if count > network.MOST_HOSTS:
        raise LabError(f"a lab has at most {network.MOST_HOSTS} hosts, not {count}")
    bridge, link = network.names(directory)
    subnet = network.free_subnet(directory)
    hosts = tuple(
        HostState(
            name=f"lab-{number}",
            address=network.address(subnet, number),
            directory=str(directory / "hosts" / f"lab-{number}"),
            link=f"{link}{number}",
            cgroups=cgroups.plan(f"{bridge}-{number}"),
        )
        for number in range(1, count + 1)
    )
    rules = network.rules(bridge, name)
    state = LabState(
        name, "namespaces", hosts, gpu_count, 22, base.USER, bridge=bridge, subnet=str(subnet), rules=rules
    )
    return with_fabric(state, directory) if fabric else state


def with_fabric(state: LabState, directory: Path) -> LabState:
    """The same lab, with a second interface in every host."""
    bridge, link = network.fabric_names(directory)
    subnet = network.free_subnet(directory, network.FABRICS)
    hosts = tuple(
        replace(host, fabric_address=network.address(subnet, number), fabric_link=f"{link}{number}")
        for number, host in enumerate(state.hosts, 1)
    )
    rules = (*state.rules, *network.rules(bridge, state.name))
    return replace(state, hosts=hosts, rules=rules, fabric_bridge=bridge, fabric_subnet=str(subnet))


def links(state: LabState) -> list[str]:
    """The machine's ends of the hosts' cables."""
    return [link for host in state.hosts for link in (host.link, host.fabric_link) if link]


def make(state: LabState, directory: Path, options: NamespaceOptions, say: Say) -> LabState:
    """Makes what `state` names and waits until every host answers; the state as it came out."""
    layers = base.ensure(options.root, say, containers.PACKAGES[options.containers])
    common = hostfiles.write(state, directory, options.root, options.sudo)
    if options.containers:
        containers.write(state, common, layers)
    lower = [*options.layers, common, layers]
    notes = state.notes
    if options.init == "systemd":
        say(f"starting {len(state.hosts)} hosts with systemd")
        start(state, lower, "systemd", options.shm_bytes)
        silent = [host.name for host in state.hosts if not await_answer(host, SYSTEMD_TIMEOUT)]
        if not silent:
            return replace(state, init="systemd", complete=True)
        notes = (*notes, f"systemd did not come up in {', '.join(silent)}: the hosts run sshd alone")
        say(notes[-1])
        stop(state)
        network.remove_devices(links(state))
        for host in state.hosts:
            (Path(host.directory) / "running.json").unlink(missing_ok=True)
    say(f"starting {len(state.hosts)} hosts with sshd alone")
    start(state, lower, "sshd", options.shm_bytes)
    for host in state.hosts:
        if not await_answer(host, SSHD_TIMEOUT):
            raise LabError(f"{host.name}: no sshd answers on {host.address}", evidence=log_tail(host))
    return replace(state, init="sshd", notes=notes, complete=True)


def wire(state: LabState) -> None:
    """Makes the bridges and the firewall's exceptions for them."""
    network.add_bridge(state.bridge, ipaddress.IPv4Network(state.subnet))
    if state.fabric_bridge:
        network.add_bridge(state.fabric_bridge, ipaddress.IPv4Network(state.fabric_subnet))
    network.add_rules(state.rules)


def stop(state: LabState) -> None:
    """Ends every process of the lab's hosts."""
    directories = [host.directory for host in state.hosts]
    supervisors = processes.marked(directories, descendants=False)
    inits = [power(host).pid for host in state.hosts]
    everything = [*supervisors, *((pid, start) for pid in inits if pid and (start := processes.started(pid)))]
    for identity in supervisors:
        processes.send(identity, signal.SIGTERM)
    if not processes.gone(everything, STOP_TIMEOUT):
        for identity in everything:
            processes.send(identity, signal.SIGKILL)
        if not processes.gone(everything, KILL_TIMEOUT):
            left = [str(pid) for pid, start in everything if processes.started(pid) == start]
            raise LabError(f"processes that cannot be killed: {', '.join(left)}")
    processes.reap(pid for pid, _ in everything)


def unmake(state: LabState) -> None:
    """Removes all that `make` and `wire` make, as far as it is there."""
    stop(state)
    bridges = [bridge for bridge in (state.bridge, state.fabric_bridge) if bridge]
    network.remove([*links(state), *bridges], state.rules)
    for host in state.hosts:
        cgroups.remove(host.cgroups)


def start(state: LabState, lower: Sequence[Path], init: Init, shm_bytes: int) -> None:
    """Starts a supervisor per host, wires them up, and lets them boot."""
    program = files("provision.lab").joinpath("supervisor.py")
    running: list[tuple[HostState, subprocess.Popen[bytes]]] = []
    with as_file(program) as path:
        for host in state.hosts:
            cgroups.make(host.cgroups)
            spec = write_spec(state, host, lower, init, shm_bytes)
            running.append((host, launch(path, host, spec)))
        for host, process in running:
            await_ready(host, process)
    network.add_links(state.bridge, [(host.link, process.pid) for host, process in running])
    if state.fabric_bridge:
        ends = [(host.fabric_link, process.pid) for host, process in running]
        network.add_links(state.fabric_bridge, ends, network.FABRIC, network.FABRIC_MTU)
    for _, process in running:
        if process.stdin:
            process.stdin.write(b"go\n")
            process.stdin.close()
        if process.stdout:
            process.stdout.close()
        # It lives on after this program: nobody here waits for it.
        process.returncode = 0


def write_spec(state: LabState, host: HostState, lower: Sequence[Path], init: Init, shm_bytes: int) -> Path:
    folder = Path(host.directory)
    hostfiles.put(folder / "network.batch", network.host_batch(network.addresses(state, host)))
    hostfiles.put(folder / "supervisor.log", "")
    spec = {
        "name": host.name,
        "init": init,
        "lower": [str(path) for path in lower],
        "upper": str(folder / "upper"),
        "work": str(folder / "work"),
        "folders": containers.folders(folder, state.containers),
        "root": str(folder / "root"),
        "shm_bytes": shm_bytes,
        "cgroups": [{"path": c.path, "mount": c.mount, "options": c.options} for c in host.cgroups],
        "running": str(folder / "running.json"),
        "network": str(folder / "network.batch"),
        "log": str(folder / "supervisor.log"),
        "ip": find("ip"),
    }
    hostfiles.put(folder / "spec.json", json.dumps(spec, indent=1))
    return folder / "spec.json"


def launch(program: Path, host: HostState, spec: Path) -> subprocess.Popen[bytes]:
    with (Path(host.directory) / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), str(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={MARK: host.directory, "PATH": os.defpath},
            start_new_session=True,
        )
    hostfiles.put(Path(host.directory) / "supervisor.pid", str(process.pid))
    return process


def await_ready(host: HostState, process: subprocess.Popen[bytes]) -> None:
    out = process.stdout
    if out is None or not select.select([out], [], [], SUPERVISOR_TIMEOUT)[0] or out.readline() != b"ready\n":
        raise LabError(f"{host.name}: its supervisor did not start", evidence=log_tail(host))


def log_tail(host: HostState) -> list[str]:
    try:
        return (Path(host.directory) / "supervisor.log").read_text(errors="replace").splitlines()[-20:]
    except FileNotFoundError:
        return []


def signal_supervisor(host: HostState, number: signal.Signals) -> None:
    if not supervised(host):
        raise LabError(f"{host.name}: its supervisor has exited", hint="provision lab down, then provision lab up")
    os.kill(supervisor_pid(host), number)


def execute(host: HostState, argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Runs `argv` as root inside the host's namespaces, without SSH."""
    pid = power(host).pid
    if not pid:
        raise LabError(f"{host.name} is off", hint="provision lab down, then provision lab up")
    enter = ["nsenter", "--target", str(pid), *("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")]
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    return run([*enter, "--root", "--wd", "--", *argv], timeout=timeout, env=environment, check=False)


def await_answer(host: HostState, seconds: float, boots: int = 1) -> bool:
    """Whether, within `seconds`, the host has booted `boots` times and its sshd greets."""
    deadline = time.monotonic() + seconds
    while True:
        now = power(host)
        if now.pid and now.boots >= boots and access.greets(host.address, 22):
            return True
        died = now.boots >= boots and not now.pid
        if died or time.monotonic() > deadline or processes.started(supervisor_pid(host)) is None:
            return False
        time.sleep(0.02)


def await_off(host: HostState, seconds: float) -> None:
    """Waits until the host's PID 1 is gone. Raises LabError after `seconds`."""
    deadline = time.monotonic() + seconds
    while power(host).pid:
        if time.monotonic() > deadline:
            raise LabError(f"{host.name} is still on after {seconds:g} s", evidence=log_tail(host))
        time.sleep(0.01)
