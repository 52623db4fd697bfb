"""Whether one release runs on one host, by the table: its driver, its GPUs, its Python. And the newest that does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from packaging.specifiers import SpecifierSet

from provision.checks.compatibility_table import (
    TORCH,
    Cuda,
    Release,
    Torch,
    Vllm,
    architecture_of,
    cuda_of,
    number,
    release,
)

#: (package with its version, the CUDA that it is built with)
Need = tuple[str, str]


def newest(rows: Sequence[Release], driver: str, capabilities: tuple[str, ...], python: str) -> str:
    """The newest release of `rows` whose build on the package index runs there; empty if none does."""
    return next((row.versions[-1] for row in reversed(rows) if runs(row, driver, capabilities, python)), "")


@cache
def runs(row: Release, driver: str, capabilities: tuple[str, ...], python: str) -> bool:
    """Whether a release of `row`, with the torch that it pins, runs with this driver, on these GPUs, by this Python."""
    torch = row if isinstance(row, Torch) else release(TORCH, row.torch) if isinstance(row, Vllm) else None
    builds = [found for found in (row, torch) if isinstance(found, (Vllm, Torch))]
    needs = [("", build.cuda) for build in builds]
    least = row.capability if isinstance(row, Vllm) else ""
    return (
        all(allows(build.python, python) for build in builds)
        and driver_refusal(needs, driver) is None
        and all(capability_refusal("", least, needs, capability) is None for capability in capabilities)
    )


def driver_refusal(needs: Iterable[Need], driver: str) -> tuple[str, str, Cuda] | None:
    """What of `needs` asks for the newest driver, (package, CUDA, its row), if `driver` is older than that."""
    known = [(package, cuda, row) for package, cuda in needs if (row := cuda_of(cuda)) is not None]
    # Of equals the first.
    strictest = max(known, key=lambda need: need[2].driver, default=None)
    return strictest if strictest is not None and number(driver) < (strictest[2].driver,) else None


def capability_refusal(package: str, least: str, needs: Iterable[Need], capability: str) -> tuple[str, str] | None:
    """Why a GPU of `capability` does not do, and what would; `least`: what `package` itself says, or empty."""
    has, architecture = number(capability), architecture_of(capability)
    if least and has < number(least):
        return f"{package} needs compute capability >= {least}", f">= {least}"
    for built, cuda in needs:
        row = cuda_of(cuda)
        if row is not None and has < number(row.capability):
            return (
                f"{built} is built with CUDA {cuda}, for compute capability >= {row.capability}",
                f">= {row.capability}",
            )
        if architecture is not None and number(cuda) < number(architecture.cuda):
            wanted = f"CUDA >= {architecture.cuda}"
            return f"{architecture.name} needs {wanted}, {built} is built with CUDA {cuda}", wanted
    return None


@cache
def allows(specifier: str, version: str) -> bool:
    return SpecifierSet(specifier).contains(version, prereleases=True)
