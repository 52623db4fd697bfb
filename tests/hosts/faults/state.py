"""What the controller keeps, and what the hosts remember: stamps, tokens, caches, snapshots."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from faults.fault import Fault
from faults.rack import ROOT, Rack

CLUSTER = f"{ROOT}/clusters/faults"


def in_place_of_state(make: Callable[[Path], object], clear: Callable[[Path], object]) -> Callable[[Rack], None]:
    def inject(rack: Rack) -> None:
        kept = rack.state.with_name("state.kept")
        rack.state.rename(kept)
        make(rack.state)

        def back() -> None:
            clear(rack.state)
            kept.rename(rack.state)

        rack.later(back)

    return inject


def full(place: Path) -> None:
    place.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "none", place], check=True)
    (place / "filler").write_bytes(bytes(4096))


def unmounted(place: Path) -> None:
    subprocess.run(["umount", "-l", place], check=True)
    place.rmdir()


def open_to_others(rack: Rack) -> None:
    rack.state.chmod(0o777)
    rack.later(lambda: rack.state.chmod(0o700))


def spoiled(path: str, text: str) -> Callable[[Rack], None]:
    """A file of the state folder holds something else, for as long as the fault lasts."""

    def inject(rack: Rack) -> None:
        file = rack.state / path
        before = file.read_bytes()
        file.write_text(text)
        rack.later(lambda: file.write_bytes(before))

    return inject


def damaged_wheel(rack: Rack) -> None:
    (wheel,) = (rack.folder / "cache").rglob("ray*.whl")
    data = wheel.read_bytes()
    wheel.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    rack.sh("lab-2", f"rm -rf {ROOT}/envs")


def stamp(host: str, service: str, change: str) -> Callable[[Rack], None]:
    return lambda rack: rack.sh(host, f"cd {CLUSTER}/{host}/{service}; {change}")  # type: ignore[return-value]


FAULTS = [
    Fault(
        "state",
        "the state folder is a file",
        in_place_of_state(Path.touch, Path.unlink),
        ("cannot be kept in", "not a directory", "PROVISION_STATE_DIR"),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
        repair="name another folder in `PROVISION_STATE_DIR`",
        quick=True,
    ),
    Fault(
        "state",
        "the state folder is on a full disk",
        in_place_of_state(full, unmounted),
        ("no space left", "df -h"),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
        repair="free some space",
    ),
    Fault(
        "state",
        "the state folder is open to others",
        open_to_others,
        ("mode 777", "can be written to by every user"),
        1,
        "nothing was changed",
        "nothing to change",
        run="up",
        repair="the hint's command",
    ),
    Fault(
        "state",
        "the snapshot of the last `up` is garbage",
        spoiled("faults/last-up.json", "{"),
        ("last-up.json",),
        2,
        "no host was contacted",
        "nothing to change",
        run="check --since-up",
        repair="`provision up` writes another",
        quick=True,
    ),
    Fault(
        "state",
        "the controller's copy of the token is empty",
        spoiled("faults/ray-token", ""),
        ("in sync",),
        0,
        "that of the hosts counts",
        "nothing to change",
    ),
    Fault(
        "state",
        "a wheel in the cache is damaged, and needed",
        damaged_wheel,
        ("created environment",),
        0,
        "the wheel, fetched again, and the environment",
        "nothing to change",
        run="up",
    ),
    Fault(
        "state",
        "the stamp of a running service is gone",
        stamp("lab-1", "vllm", "rm stamp"),
        ("vLLM",),
        3,
        "the process, which `up` ends by its mark",
        "vLLM",
    ),
    Fault(
        "state",
        "the stamp of a running service is garbage",
        stamp("lab-2", "ray", "head -c 300 /dev/urandom > stamp"),
        ("Ray worker",),
        3,
        "the process, which `up` ends by its mark",
        "Ray worker",
    ),
    Fault(
        "state",
        "the token on a host is another one",
        stamp("lab-3", "ray", "echo other > ../ray-token"),
        ("lab-3", "RAY_AUTH_TOKEN"),
        3,
        "Ray, with the token that it was started with",
        "RAY_AUTH_TOKEN",
    ),
]
