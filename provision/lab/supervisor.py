"""One virtual host's hardware: keeps its network namespace, and boots its PID 1 again after a reboot.

A program of its own, started by the lab as `python -I -S supervisor.py SPEC.json`, with the standard library
alone, because one runs per host for as long as the host exists. Everything it makes belongs to namespaces
that end with it: should it be killed, its host's processes and mounts are gone at once.

Conversation with the lab: it prints `ready` when its network namespace exists, and boots after a line on
standard input. Signals: HUP boots again (power cycle), USR1 cuts the power, TERM ends the host.
"""

# Without pathlib, which would cost every host more memory and time than all the rest.
# ruff: noqa: PTH102, PTH103, PTH104, PTH110, PTH123, PTH211

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import uuid
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 24, 36
# Loading modules, raw device access and setting the clock would reach the real machine.
DROPPED_CAPABILITIES = {"CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17, "CAP_SYS_TIME": 25}
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
# The kernel's settings belong to the whole machine; only those of the network namespace are the host's own.
READ_ONLY = ("proc/sys", "proc/irq", "proc/bus", "proc/sysrq-trigger")
SIGNALS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container": "provision-lab"}


def checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None)
    checked(LIBC.mount(*arguments), f"mount {kind or 'bind'} {source} on {target}")


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def build_root(spec: dict[str, Any]) -> None:
    """Mounts the host's file systems below `spec["root"]`, in this process's own mount namespace."""
    root = spec["root"]
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    layers = f"lowerdir={':'.join(spec['lower'])},upperdir={spec['upper']},workdir={spec['work']}"
    mount("overlay", root, "overlay", data=layers)
    for place, folder in spec["folders"].items():
        mount(folder, f"{root}{place}", flags=MS_BIND)
    build_proc(f"{root}/proc")
    mount("sysfs", f"{root}/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    build_dev(f"{root}/dev", spec["shm_bytes"])
    mount("tmpfs", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    # The kernel has one boot id for the machine; a reboot must be visible inside.
    write(f"{root}/run/boot_id", f"{uuid.uuid4()}\n")
    mount(f"{root}/run/boot_id", f"{root}/proc/sys/kernel/random/boot_id", flags=MS_BIND)
    build_cgroups(f"{root}/sys/fs/cgroup", spec["cgroups"])


def build_proc(proc: str) -> None:
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("proc", proc, "proc", flags)
    for name in ("sys", "irq", "bus", "sysrq-trigger"):
        path = f"{proc}/{name}"
        if os.path.exists(path):
            mount(path, path, flags=MS_BIND | MS_REC)
            mount("", path, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | flags)
    mount(f"{proc}/sys/net", f"{proc}/sys/net", flags=MS_BIND)
    mount("", f"{proc}/sys/net", flags=MS_REMOUNT | MS_BIND | flags)


def build_dev(dev: str, shm_bytes: int) -> None:
    mount("tmpfs", dev, "tmpfs", MS_NOSUID, "mode=755")
    os.umask(0)
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{dev}/{name}", 0o020666, os.makedev(major, minor))
    os.umask(0o022)
    links = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
    for name, target in links.items():
        os.symlink(target, f"{dev}/{name}")
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"{dev}/{name}")
    mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
    mount("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={shm_bytes}")
    mount("mqueue", f"{dev}/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def build_cgroups(base: str, cgroups: list[dict[str, str]]) -> None:
    """The host's own cgroups, whose roots the new cgroup namespace has made of those it was put into."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    if [group["mount"] for group in cgroups] == [""]:
        mount("cgroup2", base, "cgroup2", flags)
        return
    mount("tmpfs", base, "tmpfs", flags, "mode=755")
    for group in cgroups:
        target = f"{base}/{group['mount']}"
        os.mkdir(target)
        if group["options"]:
            mount("cgroup", target, "cgroup", flags, group["options"])
        else:
            mount("cgroup2", target, "cgroup2", flags)


def enter_root(root: str) -> None:
    os.chdir(root)
    checked(LIBC.pivot_root(b".", b"."), "pivot_root")
    checked(LIBC.umount2(b".", MNT_DETACH), "umount of the machine's root")
    os.chdir("/")


def serve_sshd() -> None:
    """PID 1 of a host without systemd: starts sshd once and buries what is orphaned, until it is killed."""
    os.makedirs("/run/sshd", exist_ok=True)
    os.posix_spawn("/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-e"], ENVIRONMENT)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()


def become_init(spec: dict[str, Any]) -> None:
    """Runs as PID 1 of the new namespaces; never returns."""
    checked(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    os.setsid()
    build_root(spec)
    name = spec["name"].encode()
    checked(LIBC.sethostname(name, len(name)), "sethostname")
    enter_root(spec["root"])
    for capability, number in DROPPED_CAPABILITIES.items():
        checked(LIBC.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), f"dropping {capability}")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if spec["init"] == "systemd":
        os.execve("/sbin/init", ["/sbin/init"], ENVIRONMENT)
    serve_sshd()


def boot(spec: dict[str, Any], boots: int) -> int:
    """Starts the host's PID 1 in fresh namespaces and gives its pid, as seen on the machine.

    A process between the two unshares, because a process can make a pid namespace for its children only once.
    The new PID 1 then becomes this supervisor's child, a subreaper.
    """
    pid_read, pid_write = os.pipe()
    go_read, go_write = os.pipe()
    between = os.fork()
    if between == 0:
        for group in spec["cgroups"]:
            write(f"{group['path']}/cgroup.procs", str(os.getpid()))
        flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID
        checked(LIBC.unshare(flags), "unshare")
        init = os.fork()
        if init == 0:
            os.close(go_write)
            os.read(go_read, 1)
            become_init(spec)
        os.write(pid_write, str(init).encode())
        os._exit(0)
    os.close(pid_write)
    os.waitpid(between, 0)
    said = os.read(pid_read, 32)
    os.write(go_write, b"g")
    for descriptor in (pid_read, go_read, go_write):
        os.close(descriptor)
    if not said:
        raise OSError("no namespaces could be made for it")
    init = int(said)
    record(spec, {"pid": init, "boots": boots, "power": "on"})
    return init


def record(spec: dict[str, Any], state: dict[str, Any]) -> None:
    write(f"{spec['running']}.new", json.dumps(state))
    os.rename(f"{spec['running']}.new", spec["running"])


def supervise(spec: dict[str, Any]) -> None:
    """Until TERM: boots, and boots again when the host asked for it (reboot(2) ends PID 1 with SIGHUP)."""
    boots = 1
    init = boot(spec, boots)
    again = ending = False
    while not (ending and not init):
        number = signal.sigwait(SIGNALS)
        again = again or number == signal.SIGHUP
        ending = ending or number == signal.SIGTERM
        if number != signal.SIGCHLD and init:
            os.kill(init, signal.SIGKILL)
        status = buried(init)
        if status is not None:
            again = again or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP)
            init = 0
            record(spec, {"pid": 0, "boots": boots, "power": "off", "status": status})
        if again and not init and not ending:
            boots, again = boots + 1, False
            init = boot(spec, boots)


def buried(init: int) -> int | None:
    """Collects every ended child; the wait status of `init` if it was among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == init:
            found = status


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    try:
        run(spec)
    except OSError as error:
        sys.exit(f"{spec['name']}: {error.strerror or error}")


def run(spec: dict[str, Any]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    checked(LIBC.unshare(CLONE_NEWNET), "unshare of the network")
    os.write(1, b"ready\n")
    if not sys.stdin.readline():
        return
    for descriptor, target in ((0, os.devnull), (1, spec["log"])):
        opened = os.open(target, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    ip = os.posix_spawn(spec["ip"], [spec["ip"], "-batch", spec["network"]], os.environ)
    if os.waitpid(ip, 0)[1] != 0:
        raise OSError(f"`ip -batch {spec['network']}` failed")
    supervise(spec)


if __name__ == "__main__":
    main()
