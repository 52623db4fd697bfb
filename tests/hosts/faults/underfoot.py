"""What provision stands on, changed behind its back: shells, mounts, names, files in the place of others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from faults.fault import NOTHING, Fault
from faults.host import bashrc
from faults.rack import MODEL, ROOT, Rack
from faults.state import spoiled

SERVICE = f"{ROOT}/clusters/faults/lab-2/ray"


def frozen(host: str) -> Callable[[Rack], None]:
    return lambda rack: rack.kill(host, "ray", "STOP")


def on(host: str, change: str, back: str = "", *, user: str = "root") -> Callable[[Rack], None]:
    def inject(rack: Rack) -> None:
        rack.sh(host, f"runuser -u {user} -- sh -c '{change}'")
        if back:
            rack.later(lambda: rack.sh(host, back))

    return inject


def with_ray_down(then: Callable[[Rack], None]) -> Callable[[Rack], None]:
    def inject(rack: Rack) -> None:
        rack.kill("lab-2", "ray")
        then(rack)

    return inject


def one_way(rack: Rack) -> None:
    """Large answers of the host are lost, as by a broken path MTU: by the machine's own iptables, in its network."""
    rule = ["OUTPUT", "-o", "eth0", "-p", "tcp", "--sport", "22", "-m", "length", "--length", "600:", "-j", "DROP"]
    inside = ["nsenter", "-t", str(rack["lab-2"].pid), "-n", "iptables"]
    subprocess.run([*inside, "-A", *rule], check=True)
    rack.later(lambda: subprocess.run([*inside, "-D", *rule], check=True))


def without_wheels(rack: Rack) -> None:
    wheels, kept = rack.folder / "wheels", rack.folder / "wheels.kept"
    wheels.rename(kept)
    rack.later(lambda: kept.rename(wheels))


def swapped(rack: Rack) -> None:
    def change(settings):
        hosts = settings["hosts"]
        hosts["lab-2"], hosts["lab-3"] = hosts["lab-3"], hosts["lab-2"]

    rack.edit(change)


def to_full_disk(rack: Rack) -> int:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" > /dev/full', "sh", *rack.command("check")],
        cwd=rack.folder,
        env=rack.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    rack.said = done.stdout + done.stderr
    return done.returncode


FAULTS = [
    Fault(
        "process",
        "a worker's Ray is frozen (SIGSTOP)",
        frozen("lab-2"),
        ("lab-2: Ray worker is `the raylet does not answer at",),
        3,
        "the frozen processes, which `up` ends",
        "Ray worker",
    ),
    Fault(
        "process",
        "the head's Ray is frozen (SIGSTOP)",
        frozen("lab-1"),
        ("lab-1: Ray head is `Ray's control store does not answer",),
        3,
        "the frozen processes, which `up` ends",
        "because Ray head on lab-1 changes",
    ),
    Fault(
        "network",
        "large answers of a host are lost on their way",
        one_way,
        ("lab-2", "accepted the connection, then did not speak SSH"),
        4,
        "what runs goes on",
        NOTHING,
        repair="repair the path",
    ),
    Fault(
        "host",
        "a startup file leaves no `PATH`",
        bashrc("PATH=/nonexistent; export PATH"),
        ("lab-2", "sh: not found", "startup files"),
        1,
        "what runs goes on",
        NOTHING,
        repair="take the line out",
    ),
    Fault(
        "host",
        "a startup file ends the shell",
        bashrc("exit 0"),
        ("lab-2: the login shell ended with exit code 0 before the script began", "startup files"),
        1,
        "what runs goes on",
        NOTHING,
        repair="take the line out",
    ),
    Fault(
        "host",
        "processes of others are hidden (`hidepid`) while Ray has to be started",
        with_ray_down(on("lab-2", "mount -o remount,hidepid=2 /proc", "mount -o remount,hidepid=0 /proc")),
        ("Ray worker",),
        0,
        "Ray, as it should be",
        NOTHING,
        run="up",
    ),
    Fault(
        "host",
        "a host calls itself by another name",
        on("lab-2", "hostname other-name", "hostname lab-2"),
        ("in sync",),
        0,
        "what runs goes on",
        NOTHING,
    ),
    Fault(
        "host",
        "the Python that the environment was built with is removed",
        on(
            "lab-2",
            "p=$(readlink -f /usr/bin/python3); mv $p $p.kept",
            "for p in /usr/bin/python3.*.kept; do mv $p ${p%.kept}; done",
        ),
        ("blocks: lab-2: it has no Python 3.11", "check: 1 blocks, 1 warning"),
        3,
        "what runs goes on",
        NOTHING,
        repair="install it again",
    ),
    Fault(
        "state",
        "what is kept of the members of the cluster is garbage",
        spoiled("faults/members.json", "{"),
        ("who belonged to `faults` is not known",),
        0,
        "what runs goes on",
        NOTHING,
    ),
    Fault(
        "disk",
        "`/tmp` is read-only when Ray has to be started",
        with_ray_down(on("lab-2", "mount -t tmpfs -o ro none /tmp", "umount /tmp")),
        ("lab-2: Ray worker: failed", "mounted read-only", "/tmp/provision-"),
        1,
        "no Ray there",
        "Ray worker",
        run="up",
        repair="mount it again",
    ),
    Fault(
        "disk",
        "a file of the model was moved to another disk, with a link in its place",
        on(
            "lab-2",
            f"mv {MODEL}/model.safetensors /home/ops/elsewhere && ln -s /home/ops/elsewhere {MODEL}/model.safetensors",
            f"rm {MODEL}/model.safetensors /home/ops/elsewhere",
        ),
        ("lab-2", "holds what is no plain file", "model.safetensors"),
        3,
        "the link, as it is; what runs goes on",
        "weights",
        repair="move it away",
    ),
    Fault(
        "state",
        "a folder lies in the place of a service's log",
        with_ray_down(on("lab-2", f"rm {SERVICE}/log && mkdir -p {SERVICE}/log/more {SERVICE}/stamp.new", user="ops")),
        ("Ray worker",),
        0,
        "the log, as a file",
        NOTHING,
        run="up",
    ),
    Fault(
        "state",
        "a folder lies in the place of the link to the environment",
        on("lab-2", f"cd {ROOT}/envs && rm current-faults && mkdir -p current-faults/bin", user="ops"),
        ("lab-2", "environment"),
        3,
        "the folder; what runs goes on",
        "environment",
    ),
    Fault(
        "operator",
        "our folder on the head was moved away before `down`",
        on("lab-1", f"mv {ROOT} {ROOT}.was", f"rm -rf {ROOT}.was"),
        ("lab-1 stopped: pid", "processes of faults"),
        0,
        "nothing runs; the folder, where it was moved to",
        "changes made",
        run="down",
    ),
    Fault(
        "operator",
        "what is kept of the services of a host was removed by hand",
        on("lab-2", f"rm -rf {ROOT}/clusters"),
        ("lab-2", "Ray worker"),
        3,
        "the processes, which `up` ends by their mark",
        "Ray worker",
    ),
    Fault(
        "membership",
        "two workers have swapped their addresses",
        swapped,
        ("lab-2@", "lab-3@", "changes made"),
        0,
        "each machine under its new name",
        "changes made",
        run="up",
    ),
    Fault(
        "input",
        "a folder of wheels that the inventory names is gone before `down`",
        without_wheels,
        ("changes made",),
        0,
        "nothing runs",
        "changes made",
        run="down",
    ),
    Fault(
        "input",
        "the playbook that the inventory names is gone before `down`",
        lambda rack: rack.edit(lambda settings: settings.update(playbook="gone.py")),
        ("no such playbook file: what runs is found by its mark", "stopped: pid"),
        0,
        "nothing runs",
        "changes made",
        run="down",
    ),
    Fault(
        "controller",
        "its standard output is a file on a full disk",
        lambda _: None,
        ("standard output cannot be written: no space left on device",),
        1,
        "nothing was changed",
        NOTHING,
        act=to_full_disk,
    ),
]
