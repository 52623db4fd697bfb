"""Which Python and which torch the demo's hosts get: the first for which everything else resolves, asked of uv before a
byte of it is fetched."""

from __future__ import annotations

import platform as this_platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import LockError
from provision.environment.platforms import GLIBC
from provision.environment.resolve import compile_requirements
from provision.inventory.models import Python
from provision.lab.command import LabError
from provision.lab.cpu_vllm import TorchFrom, own_find_links, python_settings, write_wheels

Say = Callable[[str], None]

#: The versions of Python that vLLM's CPU build declares to run on.
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Fitting:
    """`settings`: the inventory's section `python`."""

    version: str
    torch_from: TorchFrom
    settings: dict[str, object]


def fit(versions: Sequence[str], platform: str, wheels: Path, say: Say) -> Fitting:
    """For hosts that have these Pythons, the preferred one first. Writes the lab's own wheels to `wheels`. Takes some
    seconds, and the index. Raises LabError with uv's reasons."""
    write_wheels(wheels)
    reasons: list[str] = []
    for version, torch_from in _candidates(versions):
        settings = python_settings(wheels, version=version, platform=platform, torch_from=torch_from)
        say(f"looking for vLLM's CPU build for Python {version}, with torch from {_WORDS[torch_from]}")
        reason = _refused(settings)
        if reason is None:
            return Fitting(version, torch_from, settings)
        reasons.append(f"Python {version}, torch from {_WORDS[torch_from]}: {' '.join(reason)}")
    raise LabError(
        f"there is no CPU build of vLLM for the hosts' Python ({', '.join(versions)}) on {platform}",
        evidence=reasons,
        hint="look at whether this machine reaches its package index: `pip download --no-deps six`",
    )


_WORDS: dict[TorchFrom, str] = {
    "links": "the folders in PIP_FIND_LINKS",
    "cpu": "PyTorch's index of CPU builds",
    "index": "the ordinary index (the build for CUDA, which runs on CPUs as well)",
}


def _candidates(versions: Sequence[str]) -> Iterator[tuple[str, TorchFrom]]:
    """CPU builds for every Python come before the build for CUDA, which is four times as large."""
    sources: tuple[TorchFrom, ...] = ("links", "cpu", "index") if own_find_links() else ("cpu", "index")
    for torch_from in sources:
        for version in versions:
            yield version, torch_from


def _refused(settings: dict[str, object]) -> tuple[str, ...] | None:
    with tempfile.TemporaryDirectory(prefix="provision-fit-") as folder:
        try:
            compile_requirements(Python.model_validate(settings), Path(folder), Path(folder) / "lock.txt")
        except LockError as error:
            return error.evidence or (error.message,)
    return None


def own_platform() -> str:
    """This machine's platform in uv's words, for hosts that share its files. Raises LabError where it has no glibc."""
    library, version = this_platform.libc_ver()
    minor = int(version.split(".")[1]) if library == "glibc" else 0
    known = [least for least in GLIBC if least <= minor]
    if not known:
        raise LabError("this machine has no glibc, which vLLM's CPU build needs", hint="try it on Debian or Ubuntu")
    return f"{this_platform.machine()}-manylinux_2_{known[-1]}"
