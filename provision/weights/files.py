"""What is known of the model that is to be served, before a host has loaded it. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelFiles:
    """`config`: config.json, empty if it could not be read. `weights`: bytes of the files with the weights that vLLM
    would load, 0: not known. `source`: where that was seen. `problem`: why nothing was seen there."""

    config: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: int = 0
    source: str = ""
    problem: str = ""


def weights_bytes(files: Mapping[str, int]) -> int:
    """Of a folder's files, path → bytes, those that vLLM loads: safetensors before PyTorch's own, not below folders;
    not a second copy of the same for another program (`consolidated.safetensors`)."""
    top = {name: size for name, size in files.items() if "/" not in name}
    for fits in (_numbered, _safetensors, _pytorch):
        if found := [size for name, size in top.items() if fits(name)]:
            return sum(found)
    return 0


def _numbered(name: str) -> bool:
    return name.startswith("model") and name.endswith(".safetensors")


def _safetensors(name: str) -> bool:
    return name.endswith(".safetensors")


def _pytorch(name: str) -> bool:
    return name.startswith("pytorch_model") and name.endswith(".bin")
