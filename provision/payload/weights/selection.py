"""Which of a repository's or a folder's files a model server may read: for controller and hosts alike."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

#: Weights in the order in which vLLM looks for them: of those in a repository, the first kind is needed.
KINDS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")

#: Never read by vLLM: other programs' formats, other copies of the same weights, pictures.
OTHERS = (
    "original/*", "metal/*", "onnx/*", "openvino/*", "coreml/*", "*.pth", "*.h5", "*.msgpack", "*.onnx", "*.onnx_data",
    "*.ot", "*.tflite", "*.mlmodel", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.svg", "*.mp4", "*.pdf",
)  # fmt: skip


def needed(names: Iterable[str]) -> list[str]:
    """Of a repository's files, those that a model server may read."""
    told = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    told = [name for name in told if not any(fnmatch.fnmatchcase(name, other) for other in OTHERS)]
    there = [kind for kind in KINDS if any(fnmatch.fnmatchcase(name, kind) for name in told)]
    return sorted(name for name in told if not any(fnmatch.fnmatchcase(name, kind) for kind in there[1:]))
