"""Which Python, vLLM and Ray fit the hosts that answered: the newest of the table of compatibility that runs on all.

Each pin comes with the reason for it. Pure: facts in, words out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from provision.checks.compatibility_fit import allows, runs
from provision.checks.compatibility_table import RAY, TORCH, VLLM, Vllm, cuda_of, number, release
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.core.visible import visible
from provision.facts import Facts

#: Tried before all others: what most wheels are tested with, and this project, too.
_FIRST = "3.12"
#: Newer than every driver: where none is known, none is asked for.
_ANY_DRIVER = "999999"
#: As `uname -m` has it; what a host says instead is none.
_ARCH = regex(r"[a-z0-9_]{1,32}", re.ASCII)
#: Of uv's words for platforms those below the default, which is glibc 2.34 (uv pip compile --python-platform).
_GLIBCS = ((2, 34), (2, 33), (2, 32), (2, 31), (2, 28), (2, 17))


@dataclass(frozen=True)
class Pin:
    """`value` is empty where there is nothing to be said of it, and `why` is the reason for that."""

    value: str
    why: str


@dataclass(frozen=True)
class Pins:
    """`driver`: as `expect.driver` has it. `gpus`: how many each host has, 0 where they differ."""

    python: Pin
    vllm: Pin
    ray: Pin
    platform: Pin
    driver: Pin
    gpus: int
    gpu: str


def pins_for(facts: Mapping[str, Facts]) -> Pins:
    drivers = sorted({known.driver for known in facts.values() if known.driver and number(known.driver)}, key=number)
    capabilities = tuple(sorted({g.compute_capability for f in facts.values() for g in f.gpus if g.compute_capability}))
    shared = _shared(facts.values())
    driver = drivers[0] if drivers else _ANY_DRIVER
    found = _newest(driver, capabilities, shared)
    row, python = found or (VLLM[-1], _FIRST)
    counts = {len(known.gpus) for known in facts.values()}
    names = {gpu.name for known in facts.values() for gpu in known.gpus}
    return Pins(
        python=Pin(python, _why_python(facts, shared, python, row)),
        vllm=Pin(f"vllm=={row.versions[-1]}", _why_vllm(drivers, capabilities, runs_here=found is not None)),
        ray=_ray(row, python),
        platform=_platform(facts.values()),
        driver=_driver(row, drivers),
        gpus=counts.pop() if len(counts) == 1 else 0,
        gpu=name.removeprefix("NVIDIA ") if len(names) == 1 and visible(name := names.pop()) == name else "",
    )


def _shared(facts: Iterable[Facts]) -> list[str]:
    """The Pythons that all of them have, the one to try first in front."""
    sets = [{python.version for python in known.pythons} for known in facts]
    found = set.intersection(*sets) if sets else set()
    return sorted(found, key=lambda version: (version == _FIRST, number(version)), reverse=True)


def _newest(driver: str, capabilities: tuple[str, ...], shared: list[str]) -> tuple[Vllm, str] | None:
    """With a Python that all hosts have, or else with the one that is tried first; None if nothing runs there."""
    for pythons in (shared, [_FIRST]):
        for row in reversed(VLLM):
            for python in pythons:
                if runs(row, driver, capabilities, python) and any(allows(ray.python, python) for ray in RAY):
                    return row, python
    return None


def _why_python(facts: Mapping[str, Facts], shared: list[str], python: str, row: Vllm) -> str:
    if not facts:
        return "no host answered: change it to what they have"
    if python in shared:
        all_of = "the host has" if len(facts) == 1 else f"all {len(facts)} hosts that answered have"
        return f"{all_of} {', '.join(shared)}; vLLM {row.versions[-1]} runs on Python {row.python}"
    have = ", ".join(sorted({p.version for known in facts.values() for p in known.pythons}, key=number)) or "none"
    return f"not on every host, where there is Python {have}: vLLM {row.versions[-1]} needs {row.python}"


def _why_vllm(drivers: list[str], capabilities: tuple[str, ...], *, runs_here: bool) -> str:
    known = f"the newest of {VLLM[0].versions[0]} to {VLLM[-1].versions[-1]}"
    if not drivers:
        return f"{known}; no NVIDIA driver answered, so it is not known whether it runs here"
    on = f"driver {drivers[0]}" if len(drivers) == 1 else f"the oldest driver, {drivers[0]}"
    on += f" and compute capability {', '.join(capabilities)}" if capabilities else ""
    return (
        f"{known} that runs with {on}" if runs_here else f"{known}; none of them runs with {on}: see `provision plan`"
    )


def _ray(row: Vllm, python: str) -> Pin:
    tested = release(RAY, row.ray) if row.ray else None
    if tested is not None and allows(tested.python, python):
        return Pin(f"ray[default]=={row.ray}", f"what vLLM {row.versions[-1]} is tested with")
    for found in reversed(RAY):
        version = found.versions[-1]
        if allows(found.python, python) and (not row.ray_needs or allows(row.ray_needs, version)):
            return Pin(f"ray[default]=={version}", f"the newest for Python {python}")
    return Pin("ray[default]", "the table knows none for this Python")


def _driver(row: Vllm, drivers: list[str]) -> Pin:
    torch = release(TORCH, row.torch)
    needs = [known for cuda in (row.cuda, torch.cuda if torch else "") if (known := cuda_of(cuda)) is not None]
    if not drivers or not needs:
        return Pin("", "no NVIDIA driver answered")
    least = max(need.driver for need in needs)
    found = drivers[0] if len(drivers) == 1 else f"{drivers[0]} to {drivers[-1]}"
    return Pin(f">={least}", f"what CUDA {row.cuda} of vLLM {row.versions[-1]} needs; found: {found}")


def _platform(facts: Iterable[Facts]) -> Pin:
    """Empty: the default, x86_64 with glibc 2.34 or newer."""
    told = [known for known in facts if _ARCH.fullmatch(known.arch) and number(known.glibc)]
    arches = {known.arch for known in told}
    if len(arches) != 1:
        return Pin("", "the hosts differ in their architecture" if arches else "not known")
    arch, oldest = arches.pop(), min(number(known.glibc) for known in told)
    glibc = next((g for g in _GLIBCS if g <= oldest), _GLIBCS[-1])
    if (arch, glibc) == ("x86_64", _GLIBCS[0]):
        return Pin("", "the default")
    return Pin(
        f"{arch}-manylinux_{glibc[0]}_{glibc[1]}",
        f"the hosts are {arch}, the oldest glibc is {'.'.join(map(str, oldest))}",
    )
