"""Disks that are full, read-only or forgetful, and files that are not what they were."""

from collections.abc import Callable

from faults.fault import Fault
from faults.rack import MODEL, ROOT, Rack

ENV = f"{ROOT}/envs/current-faults"
SITE = f"{ENV}/lib/python3.11/site-packages"


def small(path: str, options: str, before: str = "") -> Callable[[Rack], None]:
    """Another file system lies over a folder of lab-2, with little room."""

    def inject(rack: Rack) -> None:
        rack.sh("lab-2", before or ":")
        rack.sh(
            "lab-2",
            f"mkdir -p {path}; mount -t tmpfs -o {options},uid=$(id -u ops),gid=$(id -g ops),mode=700 none {path}",
        )
        rack.later(lambda: rack.sh("lab-2", f"umount -l {path}"))

    return inject


def read_only(rack: Rack) -> None:
    rack.kill("lab-2", "ray")
    rack.sh("lab-2", f"mount --bind {ROOT} {ROOT} && mount -o remount,ro,bind {ROOT}")
    rack.later(lambda: rack.sh("lab-2", f"umount -l {ROOT}"))


def flipped(rack: Rack) -> None:
    """A bit of the model, with size and time as they were."""
    file = f"{MODEL}/model.safetensors"
    change = f"printf x | dd of={file} bs=1 seek=5000 conv=notrunc 2>/dev/null"
    rack.sh("lab-2", f"touch -r {file} /tmp/when; {change}; touch -r /tmp/when {file}; rm /tmp/when")
    rack.later(lambda: rack.provision("up --deep"))


def lost_file(rack: Rack) -> None:
    rack.sh("lab-3", f"rm {SITE}/ray/__init__.py")
    rack.later(lambda: rack.provision("up --deep"))


FAULTS = [
    Fault(
        "disk",
        "the disk is full while an environment is built",
        small(f"{ROOT}/envs", "size=64k"),
        ("lab-2", "free some space"),
        1,
        "no half environment; the others, untouched",
        "nothing to change",
        run="up",
        repair="free some space",
    ),
    Fault(
        "disk",
        "no inodes are left where an environment is built",
        small(f"{ROOT}/envs", "size=64m,nr_inodes=20"),
        ("lab-2", "no inodes are left", "df -i"),
        1,
        "no half environment",
        "nothing to change",
        run="up",
        repair="delete files",
    ),
    Fault(
        "disk",
        "the disk is full while the model is sent",
        small("/home/ops/models", "size=128k"),
        ("lab-2: the weights need", "make room on that disk"),
        1,
        "no file that looks whole",
        "nothing to change",
        run="up",
        repair="free some space",
        quick=True,
    ),
    Fault(
        "disk",
        "the file system of `root` is read-only",
        read_only,
        ("lab-2", "ead-only file system"),
        1,
        "what runs elsewhere goes on",
        "Ray worker",
        run="up",
        repair="mount it again",
    ),
    Fault(
        "disk",
        "a bit of the model's file has changed, not its size or time",
        flipped,
        ("lab-2", "weights"),
        3,
        "the file; `up --deep` sends it again",
        "nothing to change",
        run="check --deep",
        repair="`provision up --deep`",
    ),
    Fault(
        "disk",
        "a file of a package is gone",
        lost_file,
        ("lab-3", "ray"),
        3,
        "Ray runs on; `up --deep` installs the package again",
        "nothing to change",
        run="check --deep",
        repair="`provision up --deep`",
    ),
    Fault(
        "disk",
        "the model's folder is gone from a host",
        lambda r: r.sh("lab-2", f"rm -r {MODEL}"),
        ("lab-2", "weights"),
        3,
        "what runs goes on until `up`",
        "weights",
    ),
    Fault(
        "disk",
        "the environment in use is gone",
        lambda r: r.sh("lab-3", f"rm -rf {ROOT}/envs"),
        ("lab-3", "environment"),
        3,
        "what runs goes on until `up`",
        "environment",
    ),
]
