"""The pieces of `provision demo`: a lab ready for a model cut over its hosts, and what is kept of it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import Busy, NoHome, ProvisionError
from provision.core.paths import state_dir
from provision.environment.wheels import wheel_cache
from provision.lab import loopback, survey
from provision.lab.command import run
from provision.lab.cpu_vllm import lab_settings
from provision.lab.lab import CACHES, Lab, LabReport
from provision.lab.tiny_model import write_tiny_model

Say = Callable[[str], None]

#: Where lab hosts have the model; every host the same, as a real model has to be.
MODEL = "/opt/provision-lab/tiny-model"


@dataclass(frozen=True)
class DemoLab:
    """The lab as it was made, and the packages that were installed on this machine for it."""

    report: LabReport
    installed: tuple[str, ...] = ()


@contextmanager
def alone(lab: Lab, *, rootless: bool) -> Iterator[None]:
    """While this lasts, no other demo may use this lab. Raises Busy at once where one does."""
    if rootless or os.geteuid() != 0:
        loopback.login()  # whom sshd would not know is told so before anything is made
    path = lab.root / f"{lab.name}-demo.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(
                f"another demo is at work on the lab `{lab.name}`", hint="provision demo --name another"
            ) from None
        yield
        path.unlink(missing_ok=True)


def make_lab(lab: Lab, *, hosts: int, gpus: int, rootless: bool, say: Say = lambda _: None) -> DemoLab:
    """Hosts with the model on each and an inventory that serves it: tensor parallel inside a host, pipeline
    parallel across. Whatever this machine lacks is named before anything is fetched. Raises LabError."""
    ground = lab.ground(rootless=rootless)
    installed = survey.requires(ground, lab, say)
    stack = lab.root / f"{lab.name}-stack"
    layer = stack / "layer"
    shares_files = ground.mode == "loopback"
    found = survey.choose(ground, lab, hosts=hosts, wheels=stack / "wheels", say=say)
    model = write_tiny_model(layer / MODEL.lstrip("/"))
    settings = lab_settings(
        stack / "wheels",
        model=str(model) if shares_files else MODEL,
        tensor_parallel=gpus,
        pipeline_parallel=hosts,
        python=found.settings,
    )
    report = lab.up(hosts, gpus, settings=settings, rootless=rootless, layers=() if shares_files else (layer,))
    return DemoLab(report, tuple(installed))


def remove_lab(lab: Lab) -> None:
    lab.down()
    shutil.rmtree(lab.root / f"{lab.name}-stack", ignore_errors=True)


def inventory_of(report: LabReport) -> Path:
    if report.inventory is None:
        raise ProvisionError(f"the lab `{report.name}` has no inventory")
    return report.inventory


def kept(lab: Lab) -> list[Path]:
    """What a demo leaves on this machine that is worth keeping: as far as it exists."""
    bases = sorted(path for path in lab.root.glob("*") if path.name.startswith(CACHES)) if lab.root.is_dir() else []
    places = [*bases, *uv_places()]
    for place in (wheel_cache, state_dir):
        with suppress(NoHome):
            places.append(place())
    return [place for place in places if place.exists()]


def uv_places() -> list[Path]:
    """Where uv keeps what it has looked up, and its data, by its own word."""
    from uv import find_uv_bin

    def told(*command: str) -> Path:
        return Path(run([find_uv_bin(), *command, "--color=never"]).stdout.strip())

    return [told("cache", "dir"), told("python", "dir").parent]
