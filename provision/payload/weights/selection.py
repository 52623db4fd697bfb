"""Which of a repository's or a folder's files a model server may read: for controller and hosts alike."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

#: Weights in the order in which vLLM looks for them: of those in a repository, the first kind is needed.
KINDS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")

#: Folders of what a download, or git, notes for itself (facts/model.sh).
NOT_OF_A_MODEL = (".cache", ".git")

#: Never read by vLLM: other programs' formats, other copies of the same weights, pictures.
OTHERS = (
    "original/*", "metal/*", "onnx/*", "openvino/*", "coreml/*", "*.pth", "*.h5", "*.msgpack", "*.onnx", "*.onnx_data",
    "*.ot", "*.tflite", "*.mlmodel", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.svg", "*.mp4", "*.pdf",
)  # fmt: skip

#: Files whose reading can run code of whoever made them: pickles, and formats that may hold one.
PICKLES = (
    "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.joblib", "*.dill", "*.npy", "*.npz", "*.h5", "*.hdf5",
    "*.keras", "*.msgpack", "*.pb", "*.nemo", "*.tar", "*.tar.gz", "*.tgz", "*.zip",
)  # fmt: skip

#: Programs. A server loads some where `trust-remote-code` asks for it, and none otherwise.
CODE = ("*.py", "*.pyc", "*.pyo", "*.pyd", "*.pth", "*.so", "*.so.*", "*.dll", "*.dylib", "*.exe", "*.sh", "*.whl",
        "*.egg", "*.jar", "*.ipynb")  # fmt: skip


def needed(names: Iterable[str], *, pickles: bool = True, code: bool = True) -> list[str]:
    """Of a folder's or a repository's files, those that a model server may read. `pickles`, `code`: whether those may
    be among them, as in a folder of one's own."""
    told = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    told = [name for name in told if not any(fnmatch.fnmatchcase(name, other) for other in OTHERS)]
    if not pickles:
        told = [name for name in told if not _one_of(name, PICKLES)]
    if not code:
        told = [name for name in told if not _one_of(name, CODE)]
    there = [kind for kind in KINDS if any(fnmatch.fnmatchcase(name, kind) for name in told)]
    return sorted(name for name in told if not any(fnmatch.fnmatchcase(name, kind) for kind in there[1:]))


def only_pickles(names: Iterable[str]) -> list[str]:
    """The files with the weights, where those are pickles and come in no other form; else nothing."""
    every = list(names)
    if any(_one_of(name, KINDS) for name in needed(every, pickles=False)):
        return []
    return [name for name in needed(every) if _one_of(name, PICKLES)]


def _one_of(name: str, patterns: Iterable[str]) -> bool:
    """Whatever the case: a file system, or who loads the file, may not tell."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in patterns)
