"""Hosts that are off, restarted, replaced, closed, or not what they were."""

from faults.fault import Fault
from faults.rack import Rack


def off(rack: Rack) -> None:
    rack["lab-3"].kill()
    rack.later(lambda: rack["lab-3"].start())


def rebooted(rack: Rack) -> None:
    rack["lab-2"].reboot()


def other_key(rack: Rack) -> None:
    rack.sh(
        "lab-2", "mkdir /root/kept && cp -p /etc/ssh/ssh_host_* /root/kept && rm /etc/ssh/ssh_host_* && ssh-keygen -A"
    )
    restart_sshd(rack, "lab-2")

    def back() -> None:
        rack.sh("lab-2", "rm /etc/ssh/ssh_host_*; mv /root/kept/* /etc/ssh/; rmdir /root/kept")
        restart_sshd(rack, "lab-2")

    rack.later(back)


def restart_sshd(rack: Rack, host: str) -> None:
    rack[host].reboot()


def gpu(**fault):
    def inject(rack: Rack) -> None:
        rack["lab-2"].fault(**fault)
        rack.later(lambda: rack["lab-2"].fault(clear=True))

    return inject


def bashrc(line: str):
    def inject(rack: Rack) -> None:
        rack.sh("lab-2", "cp -p /home/ops/.bashrc /home/ops/.bashrc.kept")
        rack.later(lambda: rack.sh("lab-2", "mv /home/ops/.bashrc.kept /home/ops/.bashrc"))
        rack.sh("lab-2", f"{{ echo '{line}'; cat /home/ops/.bashrc.kept; }} > /home/ops/.bashrc")

    return inject


def no_shell(rack: Rack) -> None:
    rack.sh("lab-2", "usermod -s /usr/sbin/nologin ops")
    rack.later(lambda: rack.sh("lab-2", "usermod -s /bin/bash ops"))


def locked_out(rack: Rack) -> None:
    rack.sh("lab-3", "mv /home/ops/.ssh /home/ops/.ssh.kept")
    rack.later(lambda: rack.sh("lab-3", "mv /home/ops/.ssh.kept /home/ops/.ssh"))


def stranger_on_gpu(rack: Rack) -> None:
    rack["lab-2"].fault(used=70000)
    rack.later(lambda: rack["lab-2"].fault(clear=True))


def endless(rack: Rack) -> None:
    """nvidia-smi of another driver, or a wrapper around it: 100 MB of what is no answer."""
    program = "#!/bin/sh\nhead -c 100000000 /dev/zero | tr '\\0' x\n"
    rack.sh("lab-2", f"cat > /usr/local/bin/nvidia-smi <<'EOF'\n{program}EOF\nchmod 755 /usr/local/bin/nvidia-smi")
    rack.later(lambda: rack.sh("lab-2", "rm /usr/local/bin/nvidia-smi"))


def slow_start(rack: Rack) -> None:
    rack.kill("lab-1", "vllm")
    rack.edit(lambda s: s["serve"].update(env={"STAND_IN_SLEEPS": "60"}, ready_timeout=50))


def power_cut(rack: Rack) -> int:
    rack.later(lambda: rack["lab-1"].start())
    return rack.begun("up", "^lab-1  vLLM$", lambda _: rack["lab-1"].kill())


FAULTS = [
    Fault(
        "host",
        "the head loses its power while its model server starts",
        slow_start,
        ("lab-1: ", "and since then: "),
        4,
        "the workers, which `up` restarts",
        "Ray head",
        run="up",
        act=power_cut,
        repair="switch it on",
    ),
    Fault(
        "host",
        "nvidia-smi prints 100 MB that are no answer",
        endless,
        ("blocks: lab-2: nvidia-smi prints more than a megabyte", "check: 1 blocks, 1 warning"),
        3,
        "what runs goes on",
        "nothing to change",
    ),
    Fault(
        "host",
        "a worker is off",
        off,
        ("error: lab-3: ", "1 host unreachable"),
        4,
        "the others, untouched",
        "lab-3",
        repair="switch it on",
    ),
    Fault(
        "host",
        "a worker was rebooted",
        rebooted,
        ("lab-2: Ray worker is `not running: the host was rebooted at",),
        3,
        "nothing of ours runs there",
        "Ray worker",
    ),
    Fault(
        "host",
        "a host has another SSH key than the one recorded",
        other_key,
        ("lab-2", "host key"),
        4,
        "no password or key was said to it",
        "Ray worker",
        repair="find out why",
    ),
    Fault(
        "host",
        "nvidia-smi hangs",
        gpu(hang=True),
        ("lab-2", "nvidia-smi"),
        3,
        "what runs goes on",
        "nothing to change",
    ),
    Fault(
        "host",
        "a GPU has fallen off the bus",
        gpu(gpus=0),
        ("lab-2: nvidia-smi fails: `No devices were found`",),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
    ),
    Fault(
        "host",
        "the driver is older than the inventory expects",
        gpu(driver="570.10.01"),
        ("570.10.01", ">=580"),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
        quick=True,
    ),
    Fault(
        "host",
        "somebody else fills a GPU's memory",
        gpu(used=70000),
        ("lab-2: held by no visible process",),
        0,
        "what runs goes on",
        "nothing to change",
    ),
    Fault(
        "host",
        "a startup file prints 8 MB at every login",
        bashrc('head -c 8000000 /dev/zero | tr "\\\\\\\\0" x'),
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
    ),
    Fault(
        "host",
        "a startup file reads a line of standard input",
        bashrc("read -r answer"),
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
    ),
    Fault(
        "host",
        "the user's shell is nologin",
        no_shell,
        ("lab-2", "This account is currently not available"),
        1,
        "what runs goes on",
        "nothing to change",
        repair="give the user a shell",
    ),
    Fault(
        "host",
        "the user's authorized_keys is gone",
        locked_out,
        ("lab-3", "refuses"),
        4,
        "what runs goes on",
        "nothing to change",
        repair="put the key back",
    ),
]
