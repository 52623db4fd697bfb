"""What people do to hosts and clusters by hand, and to running commands."""

import signal
import time

from faults.disk import SITE
from faults.fault import Fault
from faults.rack import MODEL, ROOT, Rack


def serve(**more: object):
    def inject(rack: Rack) -> None:
        rack.edit(lambda s: s["serve"].update(more))

    return inject


def purged(rack: Rack) -> None:
    assert rack.provision("down --purge") == 0, rack.said


def opened(rack: Rack) -> None:
    rack.sh("lab-2", f"chmod 777 {ROOT}")
    rack.later(lambda: rack.sh("lab-2", f"chmod 700 {ROOT}"))


def hard_down(rack: Rack) -> int:
    return rack.begun("down", "lab-1  connected", lambda process: process.send_signal(signal.SIGINT))


def twice(rack: Rack) -> None:
    assert rack.provision("down") == 0, rack.said


def foreign_file(rack: Rack) -> None:
    rack.sh("lab-3", f"runuser -u ops -- sh -c 'echo mine > {MODEL}/notes-of-mine.txt'")
    rack.later(lambda: rack.sh("lab-3", f"rm {MODEL}/notes-of-mine.txt"))


def at_once(rack: Rack) -> int:
    """The same `up` from two terminals."""
    import subprocess

    rack.kill("lab-3", "ray")
    first = subprocess.Popen(
        rack.command("up"),
        cwd=rack.folder,
        env=rack.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    code = rack.provision("up")
    first.wait()
    return max(code, first.returncode)


FAULTS = [
    Fault(
        "operator",
        "a flag of vLLM is changed in the inventory",
        serve(args={"max-model-len": 512}),
        ("--max-model-len",),
        3,
        "what runs goes on as it was started",
        "nothing to change",
        run="plan",
        repair="take it back, or `provision up`",
        quick=True,
    ),
    Fault(
        "operator",
        "`down` is run where nothing runs",
        twice,
        ("nothing to change",),
        0,
        "nothing of this cluster",
        "made",
        run="down",
    ),
    Fault("operator", "everything was purged", purged, ("Ray head", "vLLM"), 3, "nothing of ours", "made"),
    Fault(
        "operator",
        "`chmod 777` of our folder on a host",
        opened,
        ("lab-2", "chmod"),
        1,
        "what runs goes on",
        "nothing to change",
        run="up",
        repair="the hint's command",
    ),
    Fault(
        "operator",
        "Ctrl-C during `down`",
        lambda r: None,
        ("stopped",),
        130,
        "what was not stopped yet runs",
        "",
        run="down",
        act=hard_down,
    ),
    Fault(
        "operator",
        "a package is installed by hand into the environment",
        lambda r: r.sh("lab-2", f"mkdir -p {SITE}/stray-9.9.dist-info && chown -R ops: {SITE}/stray-9.9.dist-info"),
        ("lab-2", "stray"),
        3,
        "what runs goes on",
        "stray",
    ),
    Fault(
        "operator",
        "the link to the environment in use is removed",
        lambda r: r.sh("lab-3", f"rm {ROOT}/envs/current-faults"),
        ("lab-3", "environment"),
        3,
        "what runs goes on",
        "environment",
    ),
    Fault(
        "operator",
        "a file of a person's own lies in the model's folder",
        foreign_file,
        ("lab-3", "holds files that provision did not write", "notes-of-mine.txt"),
        3,
        "the file, as it was; what runs goes on",
        "nothing to change",
        repair="move it away",
    ),
    Fault(
        "operator",
        "a proof that does not exist is skipped",
        lambda r: None,
        ("there is no proof `all-reduces`", "did you mean"),
        2,
        "no host was contacted",
        "nothing to change",
        run="up --skip all-reduces",
    ),
]
