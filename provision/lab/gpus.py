"""Stand-in GPUs: a file per host that says what nvidia-smi and NVML show there, and how they fail."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from provision.lab.command import LabError, run
from provision.lab.requirements import find

#: Where the file is on a namespace host; on loopback hosts the variable below names it.
CONF = "/etc/provision-lab/gpus.conf"
VARIABLE = "PROVISION_LAB_GPUS"


@dataclass(frozen=True)
class Gpus:
    """What a host's nvidia-smi shows. Memory in MiB; the figures are those of an H100 SXM.

    `fault` is printed instead of any answer, with exit code `exit`; with `hang`, nothing ever answers. `link` is what
    joins the GPUs, in nvidia-smi's words. `cells`: (index of the GPU or `*`, nvidia-smi's field, what is shown there);
    the made-up field `nvlink.down` counts NVLinks that are down. `apps`: (pid, index of the GPU, MiB, name) of what
    computes.
    """

    count: int = 2
    name: str = "NVIDIA H100 80GB HBM3"
    memory: int = 81559
    used: int = 0
    driver: str = "590.48.01"
    cuda: str = "13.1"
    cap: str = "9.0"
    link: str = "NV18"
    seed: str = "00000000"
    fault: str = ""
    exit: int = 9
    hang: bool = False
    cells: tuple[tuple[str, str, str], ...] = ()
    apps: tuple[tuple[int, int, int, str], ...] = ()

    def text(self) -> str:
        lines = [f"cell={on} {field} {value}\n" for on, field, value in self.cells]
        lines += [f"app={pid} {on} {mib} {name}\n" for pid, on, mib, name in self.apps]
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                continue
            shown = str(int(value)) if isinstance(value, bool) else str(value).replace("\n", "\\n")
            lines.append(f"{field.name}={shown}\n")
        return "".join(lines)


def parse(text: str) -> Gpus:
    """The reverse of `Gpus.text`."""
    values: dict[str, Any] = {"cells": (), "apps": ()}
    for key, value in (line.split("=", 1) for line in text.splitlines()):
        if key == "cell":
            on, field, shown = value.split(" ", 2)
            values["cells"] += ((on, field, shown),)
            continue
        if key == "app":
            pid, on, mib, name = value.split(" ", 3)
            values["apps"] += ((int(pid), int(on), int(mib), name),)
            continue
        kind = type(getattr(Gpus, key))
        values[key] = value.replace("\\n", "\n") if kind is str else kind(int(value))
    return Gpus(**values)


def of_host(lab: str, host: str, count: int) -> Gpus:
    """A sound host's GPUs; the seed gives every host's GPUs UUIDs of their own."""
    return replace(Gpus(), count=count, seed=hashlib.sha256(f"{lab}/{host}".encode()).hexdigest()[:8])


def install(cache: Path, binaries: Path, libraries: Path) -> None:
    """Puts `nvidia-smi` into one folder and `libnvidia-ml.so.1` into the other, compiled once per `cache`."""
    here = files("provision.lab")
    script, source = here.joinpath("nvidia_smi.sh").read_text(), here.joinpath("nvml.c").read_text()
    kept = cache / f"gpus-{hashlib.sha256((script + source).encode()).hexdigest()[:16]}"
    if not kept.is_dir():
        fresh = Path(tempfile.mkdtemp(prefix=f"{kept.name}.", dir=cache))
        (fresh / "nvidia-smi").write_text(script)
        build(source, fresh / "libnvidia-ml.so.1")
        try:
            fresh.rename(kept)
        except OSError:  # another lab was faster
            shutil.rmtree(fresh)
    for folder, name, mode in ((binaries, "nvidia-smi", 0o755), (libraries, "libnvidia-ml.so.1", 0o644)):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / name, folder / name)
        (folder / name).chmod(mode)


def build(source: str, target: Path) -> None:
    compiler = find("cc") or find("gcc")
    if compiler is None:
        raise LabError("no C compiler: the stand-in NVML cannot be made", hint="install gcc")
    run([compiler, "-O1", "-shared", "-fPIC", "-x", "c", "-o", str(target), "-"], text=source, timeout=60)
