"""The pieces of `provision demo`: a lab ready for a model cut over its hosts, and what is kept of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import Busy, NoHome, ProvisionError, UsageError
from provision.core.paths import state_dir
from provision.environment.cache import wheel_cache
from provision.lab import loopback, survey
from provision.lab.command import run
from provision.lab.cpu_vllm import lab_settings
from provision.lab.demo_image import write_demo_image
from provision.lab.ground import Ground
from provision.lab.lab import CACHES, Lab, LabReport
from provision.lab.state import Containers, claimed
from provision.lab.tiny_model import write_tiny_model

Say = Callable[[str], None]

#: Where lab hosts have the model; every host the same, as a real model has to be.
MODEL = "/opt/provision-lab/tiny-model"


@dataclass(frozen=True)
class Ready:
    """What kind of hosts this machine carries, and the packages that were installed on it for them."""

    ground: Ground
    installed: tuple[str, ...] = ()


@contextmanager
def alone(lab: Lab, *, rootless: bool) -> Iterator[None]:
    """While this lasts, no other demo may use this lab. Raises Busy at once where one does, and UsageError where the
    lab is a person's own: what a demo has made it removes, and nothing else."""
    if rootless or os.geteuid() != 0:
        loopback.login()  # whom sshd would not know is told so before anything is made
    with _at_work(lab, "another demo or `lab up`", "provision demo --name another"):
        if lab.directory.exists() and not lab.stack.exists():
            why = f"there is a lab `{lab.name}` already, and no demo has made it"
            raise UsageError(why, hint="provision demo --name another")
        yield


@contextmanager
def beside_no_demo(lab: Lab) -> Iterator[None]:
    """For a lab that a person makes: a demo that is at work on it would remove it in the end. Raises Busy at once where
    there is one, and keeps one from beginning meanwhile."""
    with _at_work(lab, "a demo", "provision lab up --name another", shared=True):
        if not lab.directory.exists():
            # Of a demo that broke off: this lab is none, and a later demo would take it for one.
            shutil.rmtree(lab.stack, ignore_errors=True)
        yield


@contextmanager
def _at_work(lab: Lab, who: str, hint: str, *, shared: bool = False) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(lab.root / f"{lab.name}.demo.lock", shared=shared))
        except BlockingIOError:
            raise Busy(f"{who} is at work on the lab `{lab.name}`", hint=hint) from None
        yield


def ready(lab: Lab, *, rootless: bool, say: Say = lambda _: None, kind: Containers = "") -> Ready:
    """Whatever this machine lacks is installed or named, before anything is made or fetched. Raises LabError, and
    UsageError where `kind` of containers is asked for and this machine carries no hosts that run them."""
    ground = lab.ground(rootless=rootless)
    if kind and ground.mode == "loopback":
        raise ground.refusal(f"{kind} needs", "leave out --runtime")
    return Ready(ground, tuple(survey.requires(ground, lab, say)))


def make_lab(
    lab: Lab, ground: Ground, *, hosts: int, gpus: int, say: Say = lambda _: None, kind: Containers = ""
) -> LabReport:
    """Hosts with the model on each and an inventory that serves it: tensor parallel inside a host, pipeline
    parallel across. `kind`: in containers, by what runs these. Raises LabError."""
    stack = lab.stack
    layer = stack / "layer"
    # Whatever happens from here on, it shows that the lab is a demo's.
    stack.mkdir(parents=True, exist_ok=True)
    shares_files = ground.mode == "loopback"
    found = survey.choose(ground, lab, hosts=hosts, wheels=stack / "wheels", say=say, kind=kind)
    model = write_tiny_model(layer / MODEL.lstrip("/"))
    settings = lab_settings(
        stack / "wheels",
        model=str(model) if shares_files else MODEL,
        tensor_parallel=gpus,
        pipeline_parallel=hosts,
        python=found.settings,
    )
    if kind:
        image = write_demo_image(stack, lab.root, kind, found.settings, say)
        del settings["python"]
        settings["runtime"] = {"container": kind, "image": str(image)}
        if kind == "podman":
            settings["sudo"] = True  # it is root's
    layers = () if shares_files else (layer,)
    return lab.up(hosts, gpus, settings=settings, rootless=shares_files, layers=layers, containers=kind)


def inventory_of(report: LabReport) -> Path:
    if report.inventory is None:
        raise ProvisionError(f"the lab `{report.name}` has no inventory")
    return report.inventory


def left_behind(lab: Lab) -> list[Path]:
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

    def folder_of(*command: str) -> Path:
        return Path(run([find_uv_bin(), *command, "--color=never"]).stdout.strip())

    return [folder_of("cache", "dir"), folder_of("python", "dir").parent]
