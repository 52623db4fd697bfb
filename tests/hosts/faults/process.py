"""Processes that die, hang, or are in the way."""

from faults.fault import Fault
from faults.rack import Rack

HOLD = 'import socket,time; s=socket.create_server(("0.0.0.0", PORT)); time.sleep(9999)'


def held(host: str, port: int, service: str):
    """A stranger takes the port of a service that has ended."""

    def inject(rack: Rack) -> None:
        rack.kill(host, service)
        program = HOLD.replace("PORT", str(port))
        rack.sh(host, f"setsid python3 -c '{program}' >/dev/null 2>&1 </dev/null & sleep 0.5")
        rack.later(lambda: rack.sh(host, f"pkill -9 -f '^python3 -c import.*{port}'"))

    return inject


def stopped(rack: Rack) -> None:
    rack.kill("lab-1", "vllm", "STOP")


def broken_flag(rack: Rack) -> None:
    rack.edit(lambda s: s["serve"].update(env={"STAND_IN_TELLS": "1"}))


def without_python(rack: Rack) -> None:
    rack.sh("lab-2", "rm /home/ops/.provision/envs/current-faults/bin/python")


FAULTS = [
    Fault(
        "process",
        "vLLM is killed",
        lambda r: r.kill("lab-1", "vllm"),
        ("vLLM is `not running: its process is gone`", "fixes it"),
        3,
        "Ray, which goes on",
        "vLLM",
        quick=True,
    ),
    Fault(
        "process",
        "a worker's Ray is killed, as by the OOM killer",
        lambda r: r.kill("lab-3", "ray"),
        ("lab-3: Ray worker is `not running: its process is gone`",),
        3,
        "Ray on the others",
        "because Ray worker on lab-3 changes",
    ),
    Fault(
        "process",
        "the head's Ray is killed",
        lambda r: r.kill("lab-1", "ray"),
        ("lab-1: Ray head is `not running: its process is gone`",),
        3,
        "workers of a head that is no more; `up` restarts them",
        "because Ray head on lab-1 changes",
    ),
    Fault(
        "process",
        "everything of ours on all hosts is killed at once",
        lambda r: [r.kill(h, s) for h, s in (("lab-1", "vllm"), ("lab-1", "ray"), ("lab-2", "ray"), ("lab-3", "ray"))],
        ("Ray head", "Ray worker", "vLLM"),
        3,
        "nothing runs",
        "changes made",
    ),
    Fault(
        "process",
        "a stranger listens on vLLM's port",
        held("lab-1", 8000, "vllm"),
        ("lab-1: port 8000 (the model's API) is `taken",),
        1,
        "nothing was changed",
        "vLLM",
        run="up",
        repair="stop what listens there",
    ),
    Fault(
        "process",
        "a stranger listens on a port of a worker's Ray",
        held("lab-2", 6380, "ray"),
        ("lab-2: port 6380", "stop what listens there"),
        3,
        "nothing was changed",
        "Ray worker",
        repair="stop what listens there",
    ),
    Fault(
        "process",
        "vLLM is frozen (SIGSTOP) and answers nobody",
        stopped,
        ("vLLM",),
        3,
        "the frozen process, which `up` ends",
        "vLLM",
    ),
    Fault(
        "process",
        "vLLM ends while it starts",
        broken_flag,
        ("told to fail", "vLLM"),
        1,
        "Ray runs, vLLM does not",
        "vLLM",
        run="up",
        repair="take the setting back",
    ),
]
