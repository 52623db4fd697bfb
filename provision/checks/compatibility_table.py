"""What runs with what: driver, CUDA, compute capability, torch, vLLM, Ray, Python. Data, each row with its source.

A row holds for just the releases that it lists: what is not listed is unknown, and unknown is never "fine".
docs/compatibility.md shows these rows, and how to add one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from functools import cache
from typing import TypeVar

from packaging.version import Version

from provision.core.regex import regex
from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Cuda:
    """All minor releases of one CUDA. `driver`: the oldest driver branch; `capability`: the smallest that it builds
    for."""

    major: int
    driver: int
    capability: str
    source: str


@dataclass(frozen=True, slots=True)
class GpuArchitecture:
    """`capabilities` of GPUs that run each other's code; `cuda`: the first that builds for one of them."""

    name: str
    capabilities: tuple[str, ...]
    cuda: str
    source: str


@dataclass(frozen=True, slots=True)
class Release:
    """`listed`: releases of which the same is true, oldest first, with a blank between. `python`: what they say they
    need, narrowed to the Pythons that there are wheels for."""

    listed: str
    python: str
    source: str = field(kw_only=True)

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(self.listed.split())


@dataclass(frozen=True, slots=True)
class Torch(Release):
    """`cuda`: of the wheel on the package index; other builds carry theirs in the version (`2.14.0+cu126`)."""

    cuda: str


@dataclass(frozen=True, slots=True)
class Vllm(Release):
    """`torch`: the one that it pins. `cuda`: what the wheel on the package index is compiled with. `capability`: the
    smallest that it supports. `ray`: what its own tests pin, empty where that could not be read. `ray_needs`: what
    its metadata ask for; since 0.18.0 nothing."""

    torch: str
    cuda: str
    capability: str
    ray: str
    ray_needs: str


@dataclass(frozen=True, slots=True)
class RayRelease(Release):
    """Nothing but Python: Ray itself asks for no GPU."""


_DRIVER = "NVIDIA, CUDA Compatibility, Minor Version Compatibility, table 1"

CUDA = (
    Cuda(11, 450, "3.5", f"{_DRIVER}; LLVM, clang/lib/Basic/Cuda.cpp: 3.0 until CUDA 10.2"),
    Cuda(12, 525, "5.0", f"{_DRIVER}; LLVM, clang/lib/Basic/Cuda.cpp: 3.7 until CUDA 11.8"),
    Cuda(13, 580, "7.5", f"{_DRIVER}; CUDA 12.9 release notes, Deprecated Architectures; pytorch#157517"),
)

# Code for one capability runs on those of the same major number with the same or a higher minor number, therefore
# one row per major number: 8.0's runs on 8.9, 12.0's on 12.1.
_SAME_MAJOR = "NVIDIA, Blackwell Compatibility Guide, 1.2"
_FIRST_CUDA = f"LLVM, clang/lib/Basic/Cuda.cpp; {_SAME_MAJOR}"

ARCHITECTURES = (
    GpuArchitecture("Maxwell", ("5.0", "5.2", "5.3"), "7.0", _FIRST_CUDA),
    GpuArchitecture("Pascal", ("6.0", "6.1", "6.2"), "8.0", _FIRST_CUDA),
    GpuArchitecture("Volta", ("7.0", "7.2"), "9.0", _FIRST_CUDA),
    GpuArchitecture("Turing", ("7.5",), "10.0", _FIRST_CUDA),
    GpuArchitecture("Ampere, Ada", ("8.0", "8.6", "8.7", "8.8", "8.9"), "11.0", _FIRST_CUDA),
    GpuArchitecture("Hopper", ("9.0",), "11.8", _FIRST_CUDA),
    GpuArchitecture(
        "Blackwell", ("10.0", "10.3"), "12.8", "vLLM, docs/getting_started/installation: B200, GB200 need CUDA 12.8"
    ),
    GpuArchitecture(
        "Blackwell (Jetson Thor)", ("11.0",), "13.0", "NVIDIA, cuRANDDx 0.2.1 release notes; LLVM, Cuda.cpp"
    ),
    GpuArchitecture(
        "Blackwell (GeForce, RTX PRO, GB10)", ("12.0", "12.1"), "12.8",
        "NVIDIA, Software Migration Guide for Blackwell RTX GPUs",
    ),
)  # fmt: skip

_TORCH = "metadata of the x86_64 wheels: nvidia-cuda-runtime or cuda-toolkit, Requires-Python; Pythons: their names"

TORCH = (
    Torch("2.4.0 2.4.1", ">=3.8,<3.13", "12.1", source=_TORCH),
    Torch("2.5.0 2.5.1", ">=3.9,<3.14", "12.4", source=_TORCH),
    Torch("2.6.0", ">=3.9,<3.14", "12.4", source=_TORCH),
    Torch("2.7.0 2.7.1", ">=3.9,<3.14", "12.6", source=_TORCH),
    Torch("2.8.0", ">=3.9,<3.14", "12.8", source=_TORCH),
    Torch("2.9.0 2.9.1 2.10.0", ">=3.10,<3.15", "12.8", source=_TORCH),
    Torch("2.11.0 2.12.0 2.12.1 2.13.0 2.14.0 2.14.1", ">=3.10,<3.15", "13.0", source=_TORCH),
    Torch("2.15.0", ">=3.11,<3.16", "13.2", source=_TORCH),
)

_WHEEL = "wheel: Requires-Python, Requires-Dist"
_SDIST = (
    f"{_WHEEL}; sdist: MAIN_CUDA_VERSION in setup.py, since 0.11.0 in vllm/envs.py; requirements of the tests; "
    "docs/getting_started/installation"
)

# fmt: off
VLLM = (
    Vllm("0.6.0 0.6.1 0.6.1.post1 0.6.1.post2", ">=3.8", "2.4.0", "12.1", "7.0", "", ">=2.9",
         source=f"{_WHEEL}; sdist: MAIN_CUDA_VERSION in setup.py; docs.vllm.ai, v0.6.1.post2, Installation"),
    Vllm("0.6.2 0.6.3 0.6.3.post1", ">=3.8", "2.4.0", "12.1", "7.0", "2.35.0", ">=2.9", source=_SDIST),
    Vllm("0.6.4 0.6.4.post1", ">=3.9", "2.5.1", "12.1", "7.0", "2.35.0", ">=2.9", source=_SDIST),
    Vllm("0.6.5 0.6.6 0.6.6.post1 0.7.0 0.7.1 0.7.2", ">=3.9", "2.5.1", "12.1", "7.0", "2.40.0", ">=2.9",
         source=_SDIST),
    Vllm("0.7.3", ">=3.9", "2.5.1", "12.1", "7.0", "2.40.0", "==2.40.0", source=_SDIST),
    Vllm("0.8.0 0.8.1 0.8.2", ">=3.9", "2.6.0", "12.4", "7.0", "2.43.0", ">=2.43.0", source=_SDIST),
    Vllm("0.8.3", ">=3.9", "2.6.0", "12.4", "7.0", "2.43.0", ">=2.43.0,!=2.44.*", source=_SDIST),
    Vllm("0.8.4 0.8.5 0.8.5.post1", ">=3.9,<3.13", "2.6.0", "12.4", "7.0", "2.43.0", ">=2.43.0,!=2.44.*",
         source=_SDIST),
    Vllm("0.9.0 0.9.0.1 0.9.1 0.9.2", ">=3.9,<3.13", "2.7.0", "12.8", "7.0", "2.43.0", ">=2.43.0,!=2.44.*",
         source=_SDIST),
    Vllm("0.10.0", ">=3.9,<3.13", "2.7.1", "12.8", "7.0", "2.43.0", ">=2.43.0,!=2.44.*", source=_SDIST),
    Vllm("0.10.1 0.10.1.1", ">=3.9,<3.13", "2.7.1", "12.8", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.10.2 0.11.0", ">=3.9,<3.14", "2.8.0", "12.8", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.11.1 0.11.2", ">=3.10,<3.14", "2.9.0", "12.8", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.12.0 0.13.0", ">=3.10,<3.14", "2.9.0", "12.9", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.14.0 0.14.1", ">=3.10,<3.14", "2.9.1", "12.9", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.15.0 0.15.1", ">=3.10,<3.14", "2.9.1", "12.9", "7.0", "", ">=2.48.0",
         source=f"{_WHEEL}, vllm/envs.py; there is no sdist: the capability is that of 0.14.1 and of 0.16.0"),
    Vllm("0.16.0", ">=3.10,<3.14", "2.9.1", "12.9", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.17.0 0.17.1", ">=3.10,<3.14", "2.10.0", "12.9", "7.0", "2.48.0", ">=2.48.0", source=_SDIST),
    Vllm("0.18.0 0.18.1 0.19.0 0.19.1", ">=3.10,<3.14", "2.10.0", "12.9", "7.0", "2.48.0", "", source=_SDIST),
    Vllm("0.20.0 0.20.1 0.20.2 0.21.0 0.22.0 0.22.1 0.23.0 0.24.0 0.25.0 0.25.1 0.26.0", ">=3.10,<3.15",
         "2.11.0", "13.0", "7.5", "2.48.0", "", source=_SDIST),
    Vllm("0.27.0 0.27.1 0.28.0", ">=3.10,<3.15", "2.13.0", "13.0", "7.5", "2.48.0", "", source=_SDIST),
    Vllm("0.29.0 0.30.0 0.31.0", ">=3.10,<3.15", "2.13.0", "13.0", "7.5", "2.56.1", "", source=_SDIST),
    Vllm("0.32.0", ">=3.11,<3.15", "2.13.0", "13.0", "7.5", "2.56.1", "", source=_SDIST),
    Vllm("0.33.0", ">=3.11,<3.15", "2.14.0", "13.0", "7.5", "2.56.1", "", source=_SDIST),
)
# fmt: on

_RAY = "metadata and names of the x86_64 wheels; there is no sdist"

RAY = (
    RayRelease("2.31.0 2.32.0 2.33.0 2.34.0 2.35.0 2.36.0 2.36.1 2.37.0 2.38.0 2.39.0", ">=3.9,<3.13", source=_RAY),
    RayRelease("2.40.0 2.41.0 2.42.0 2.42.1 2.43.0 2.44.0 2.44.1", ">=3.9,<3.13", source=_RAY),
    RayRelease("2.45.0 2.46.0 2.47.0 2.47.1 2.48.0 2.49.0 2.49.1 2.49.2 2.50.0 2.50.1", ">=3.9,<3.14", source=_RAY),
    RayRelease("2.51.0 2.51.1 2.51.2", ">=3.9,<3.14", source=_RAY),
    RayRelease("2.52.0 2.52.1 2.53.0 2.54.0 2.54.1", ">=3.10,<3.14", source=_RAY),
    RayRelease("2.55.0 2.55.1 2.56.0 2.56.1 2.57.0 2.57.1 2.58.0 2.58.1 2.59.0 2.60.0", ">=3.10,<3.15", source=_RAY),
)

Row = TypeVar("Row", bound=Release)


def release(rows: Sequence[Row], version: str) -> Row | None:
    """The row that lists `version`, whatever build of it (`2.14.0+cu130` is 2.14.0); None: unknown."""
    wanted = parsed(version.partition("+")[0])
    if wanted is None:
        return None
    return next((row for row in rows if any(parsed(listed) == wanted for listed in row.versions)), None)


def unknown(rows: Sequence[Release], version: str) -> str:
    """Why no row lists `version`, in half a sentence."""
    first, last = rows[0].versions[0], rows[-1].versions[-1]
    wanted = parsed(version)
    if wanted is not None and wanted > Version(last):
        return f"it is newer than this table ({first} to {last})"
    if wanted is not None and wanted < Version(first):
        return f"it is older than this table ({first} to {last})"
    return f"this table ({first} to {last}) does not list it"


def cuda_of(version: str) -> Cuda | None:
    """The row of a CUDA release such as `13.0`; None: unknown."""
    return next((row for row in CUDA if (row.major,) == number(version)[:1]), None)


def architecture_of(capability: str) -> GpuArchitecture | None:
    """The row of a compute capability such as `9.0`; None: unknown."""
    return next((row for row in ARCHITECTURES if capability in row.capabilities), None)


def number(version: str) -> tuple[int, ...]:
    """`12.8` → (12, 8), to compare CUDA releases, compute capabilities and drivers; empty where it is no number."""
    return tuple(int(part) for part in version.split(".")) if _NUMBER.fullmatch(version) else ()


@cache
def parsed(version: str) -> Version | None:
    """None where it is no version."""
    try:
        return Version(version)
    except ValueError:
        return None


_NUMBER = regex(r"\d{1,6}(\.\d{1,6})*", re.ASCII)
