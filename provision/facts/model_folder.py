"""The folder of a model: which files, how large, and its config.json. What else they hold is not read: a model is
hundreds of gigabytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from provision.facts.model import ModelFolder
from provision.weights.files import loaded, missing, pickles_of, weights_bytes, with_quantization


def read_model(
    values: Mapping[str, str],
    files: Sequence[str],
    disk_free_bytes: int,
    config: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> ModelFolder:
    """`files`: lines of size and path below the folder, and `end=0` once all of them have been seen. The digest is
    empty without it: of a part of the files it would say nothing. `config`: config.json, in one line; `beside`:
    hf_quant_config.json."""
    sizes: dict[str, int] = {}
    for line in files:
        match = re.fullmatch(r"(\d{1,18}) \./(.+)", line, re.ASCII)
        if match:
            sizes[match[2]] = int(match[1])
    whole = bool(sizes) and "end=0" in files
    return ModelFolder(
        path=values.get("path", ""),
        there=values.get("there") == "yes",
        files=len(sizes),
        bytes=sum(sizes.values()),
        digest=digest_of_sizes(sizes) if whole else "",
        disk_free_bytes=disk_free_bytes,
        config=with_quantization(_config(config), _config(beside)),
        unread=len("".join(config).encode("utf-8", "surrogateescape")) >= LONGEST_CONFIG,
        weights_bytes=weights_bytes(sizes) if whole else 0,
        pickles=pickles_of(sizes) if whole else (),
        missing=tuple(missing(loaded(sizes))) if whole else (),
    )


#: What is read of a config.json (facts/model.sh); a larger one is not understood.
LONGEST_CONFIG = 1 << 20


def digest_of_sizes(sizes: Mapping[str, int]) -> str:
    """Of the names and sizes of all files."""
    listed = "".join(f"{name} {size}\n" for name, size in sorted(sizes.items()))
    return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()


def _config(lines: Sequence[str]) -> Mapping[str, object]:
    """Empty if it is no config, or longer than what is read of it."""
    try:
        found = json.loads("".join(lines) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
