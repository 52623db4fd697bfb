"""The machine where `provision` runs: killed, interrupted, limited, or another one."""

import shutil
import signal
from collections.abc import Callable

from faults.fault import Fault
from faults.rack import ROOT, Rack


def signalled(number: int, line: str = "up", said: str = "connected") -> Callable[[Rack], int]:
    return lambda rack: rack.begun(line, said, lambda process: process.send_signal(number))


def to_build(rack: Rack) -> None:
    """There is an environment to build."""
    rack.sh("lab-2", f"rm -rf {ROOT}/envs")


def worker_down(rack: Rack) -> None:
    rack.kill("lab-2", "ray")


def another_controller(rack: Rack) -> None:
    kept = rack.state.with_name("state.kept")
    rack.state.rename(kept)
    rack.state.mkdir(mode=0o700)

    def back() -> None:
        shutil.rmtree(rack.state)
        kept.rename(rack.state)

    rack.later(back)


def unknown_keys(rack: Rack) -> None:
    rack.edit(lambda s: s["ssh"].update(known_hosts=str(rack.folder / "no_hosts")))


def open_key(rack: Rack) -> None:
    key = rack.folder / "open-key"
    shutil.copy(rack.settings["ssh"]["key"], key)
    key.chmod(0o644)
    rack.later(key.unlink)
    rack.edit(lambda s: s["ssh"].update(key=str(key)))


def at_once(rack: Rack) -> int:
    """A second `up`, of somebody who does not want to wait, while the first one changes hosts."""
    codes: list[int] = []
    first = rack.begun("up", "network proof", lambda _: codes.append(rack.provision("up --no-wait")) or rack.keep())
    assert first == 0, rack.said
    rack.said = rack.kept
    return codes[0]


def closed_output(rack: Rack) -> int:
    import subprocess

    line = " ".join(rack.command("check"))
    done = subprocess.run(
        ["bash", "-c", f"{line} >&-"],
        cwd=rack.folder,
        env=rack.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    rack.said = done.stdout + done.stderr
    return done.returncode


def nothing(_: Rack) -> None:
    pass


FAULTS = [
    Fault(
        "controller",
        "it is killed (-9) while hosts are changed",
        to_build,
        ("lab-2",),
        -signal.SIGKILL,
        "a build that was cut off; the hosts end what ran",
        "environment",
        run="up",
        act=signalled(signal.SIGKILL, said="lab-2  environment"),
    ),
    Fault(
        "controller",
        "Ctrl-C while hosts are changed",
        worker_down,
        ("stopped",),
        130,
        "what was finished stays",
        "made",
        run="up",
        act=signalled(signal.SIGINT, said="network proof"),
    ),
    Fault(
        "controller",
        "SIGTERM while hosts are read",
        nothing,
        ("stopped",),
        143,
        "nothing was changed",
        "nothing to change",
        run="up",
        act=signalled(signal.SIGTERM),
        quick=True,
    ),
    Fault(
        "controller",
        "its terminal is closed (SIGHUP) during `down`",
        nothing,
        ("stopped",),
        129,
        "a part of the services may run",
        "",
        run="down",
        act=signalled(signal.SIGHUP, "down", "connected"),
    ),
    Fault(
        "controller",
        "its standard output is closed",
        nothing,
        ("standard output is closed",),
        1,
        "nothing was done",
        "nothing to change",
        act=closed_output,
    ),
    Fault(
        "controller",
        "a second `up` begins while the first one changes hosts",
        worker_down,
        ("an `up` from", "is under way"),
        5,
        "what the first one does",
        "nothing to change",
        run="up --no-wait",
        act=at_once,
    ),
    Fault(
        "controller",
        "another one, with an empty state folder",
        another_controller,
        ("in sync",),
        0,
        "it takes over the token that the hosts have",
        "nothing to change",
    ),
    Fault(
        "controller",
        "it has never seen the hosts' keys",
        unknown_keys,
        ("its host key", "is not known", "provision trust"),
        4,
        "nothing was said to the hosts",
        "nothing to change",
        repair="`provision trust`",
    ),
    Fault(
        "controller",
        "its SSH key is open to others",
        open_key,
        ("is open to others", "chmod 600"),
        2,
        "no host was contacted",
        "nothing to change",
        repair="the hint's command",
    ),
]
