"""Links, names, ports and addresses."""

import subprocess

from faults.fault import Fault
from faults.rack import Rack


def cable(rack: Rack) -> None:
    rack["lab-3"].link(up=False)
    rack.later(lambda: rack["lab-3"].link(up=True))


def refused(rack: Rack) -> None:
    rack["lab-2"].refuse(22)
    rack.later(lambda: rack["lab-2"].allow())


def silent(rack: Rack) -> None:
    rack.sh("lab-2", "kill -STOP $(cat /run/sshd.pid 2>/dev/null || pgrep -o sshd)")
    rack.later(lambda: rack.sh("lab-2", "kill -CONT $(cat /run/sshd.pid 2>/dev/null || pgrep -o sshd)"))


def between(rack: Rack) -> None:
    rack.kill("lab-2", "ray")
    rack["lab-1"].drop(6379, source=rack["lab-2"].address)
    rack.later(lambda: rack["lab-1"].allow())


def mtu(rack: Rack) -> None:
    rack.sh("lab-2", "ip link set eth0 mtu 1400")
    rack.later(lambda: rack.sh("lab-2", "ip link set eth0 mtu 1500"))


def no_name(rack: Rack) -> None:
    rack.edit(lambda s: s["hosts"]["lab-2"].update(address="lab-2.no-such-host.invalid"))


def jump(rack: Rack) -> None:
    rack.edit(lambda s: s["ssh"].update(jump=f"ops@{rack['lab-1'].address}:2222"))


def other_address(rack: Rack) -> None:
    rack.edit(lambda s: s["hosts"]["lab-2"].update(node_ip="10.99.99.99"))


def lossy(rack: Rack) -> None:
    """By the machine's own iptables, in the host's network: lab hosts have none."""
    rule = ["INPUT", "-i", "eth0", "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"]
    inside = ["nsenter", "-t", str(rack["lab-2"].pid), "-n", "iptables"]
    subprocess.run([*inside, "-A", *rule], check=True)
    rack.later(lambda: subprocess.run([*inside, "-D", *rule], check=True))


FAULTS = [
    Fault(
        "network",
        "a host's cable is pulled",
        cable,
        ("lab-3: no answer from",),
        4,
        "what runs goes on",
        "nothing to change",
        repair="plug it in",
    ),
    Fault(
        "network",
        "nothing listens on the SSH port",
        refused,
        ("lab-2", "22"),
        4,
        "what runs goes on",
        "nothing to change",
        repair="start sshd",
        quick=True,
    ),
    Fault(
        "network",
        "sshd accepts connections and never answers",
        silent,
        ("lab-2", "accepted the connection, then did not speak SSH"),
        4,
        "what runs goes on",
        "nothing to change",
        repair="restart sshd",
    ),
    Fault(
        "network",
        "a firewall keeps a worker from the head",
        between,
        ("lab-2", "lab-1", "6379"),
        1,
        "nothing was changed",
        "Ray worker",
        run="up",
        repair="open the port (`provision firewall` lists them)",
    ),
    Fault(
        "network",
        "an interface has another MTU than the others",
        mtu,
        ("lab-2", "MTU", "1400"),
        3,
        "what runs goes on",
        "nothing to change",
        repair="set the MTU",
    ),
    Fault(
        "network",
        "a host's name resolves nowhere",
        no_name,
        ("lab-2.no-such-host.invalid",),
        4,
        "what runs goes on",
        "nothing to change",
        repair="correct the address",
    ),
    Fault(
        "network",
        "the jump host does not answer",
        jump,
        ("2222",),
        4,
        "no host was contacted",
        "nothing to change",
        repair="correct `ssh.jump`",
    ),
    Fault(
        "network",
        "`node_ip` is no address of the host",
        other_address,
        ("lab-2", "10.99.99.99"),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
        repair="correct it",
    ),
    Fault(
        "network",
        "one packet in ten is lost on its way to a host",
        lossy,
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
    ),
]
