"""Clocks, waits and what takes too long."""

import signal
import time

from faults.fault import Fault
from faults.host import bashrc
from faults.rack import MODEL, Rack


def clock(offset: str):
    """The host's own `date` is off: clocks of lab hosts are those of this machine."""

    def inject(rack: Rack) -> None:
        program = f"""#!/bin/sh\nexec /bin/date -d "{offset}" "$@"\n"""
        rack.sh("lab-2", f"cat > /usr/local/bin/date <<'EOF'\n{program}EOF\nchmod 755 /usr/local/bin/date")
        rack.later(lambda: rack.sh("lab-2", "rm /usr/local/bin/date"))

    return inject


def touched(rack: Rack) -> None:
    rack.sh("lab-2", f"touch -d tomorrow {MODEL}/model.safetensors")


def snapshot_of_tomorrow(rack: Rack) -> None:
    import json

    path = rack.state / "faults/last-up.json"
    before = path.read_text()
    data = json.loads(before)
    key = next(k for k, v in data.items() if isinstance(v, (int, float)) and v > 1e9)
    data[key] += 86400
    path.write_text(json.dumps(data))
    rack.later(lambda: path.write_text(before))


def patient(rack: Rack) -> None:
    rack.edit(lambda s: s["ssh"].update(connect_timeout=30))


def asleep(rack: Rack) -> int:
    """As a laptop that is closed for a while."""

    def sleep(process) -> None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)

    return rack.begun("check", "connected", sleep)


def never_ready(rack: Rack) -> None:
    """The server listens on no port: SIGSTOP as soon as it has begun would be another fault."""
    rack.edit(lambda s: s["serve"].update(ready_timeout=3, env={"STAND_IN_SLEEPS": "60"}))


FAULTS = [
    Fault(
        "time",
        "a host's clock is an hour ahead",
        clock("+1 hour"),
        ("lab-2", "clock"),
        3,
        "what runs goes on",
        "nothing to change",
        repair="set the clock",
    ),
    Fault(
        "time",
        "the controller sleeps for a while in the middle of a check",
        patient,
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
        act=asleep,
    ),
    Fault(
        "time",
        "the last snapshot is of tomorrow: the controller's clock was set back",
        snapshot_of_tomorrow,
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
        run="check --since-up",
        quick=True,
    ),
    Fault(
        "time",
        "a file of the model has the time of tomorrow",
        touched,
        ("lab-2", "weights"),
        3,
        "the file, which is compared again",
        "weights",
    ),
    Fault(
        "time",
        "a model server is not ready in its time",
        never_ready,
        ("lab-1", "vLLM"),
        1,
        "the server that is not ready",
        "vLLM",
        run="up",
        repair="take the setting back",
    ),
    Fault(
        "time",
        "every login to a host takes three seconds",
        bashrc("sleep 3"),
        ("in sync",),
        0,
        "nothing",
        "nothing to change",
    ),
]
