"""What is known of the model that is to be served, before a host has loaded it. Pure data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from provision.core.regex import regex
from provision.core.values import dataclass


@dataclass(frozen=True)
class ModelFiles:
    """`config`: config.json, empty if it could not be read. `weights`: bytes of the files with the weights that vLLM
    would load, 0: not known; `lacks`: why, where parts of them are not there. `source`: where that was seen. `problem`:
    why nothing was seen there. `pickles`: what `pickles_of` says."""

    config: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: int = 0
    source: str = ""
    problem: str = ""
    pickles: tuple[str, ...] = ()
    lacks: str = ""


#: As `model-00001-of-00004.safetensors`: what is before the number, how many there are, and the ending.
_PART = regex(r"(.*-)\d{5}-of-(\d{5})([.]\w+)\Z", re.ASCII | re.DOTALL)

#: What training leaves beside the weights, and vLLM does not load (model_executor/model_loader/weight_utils.py).
_NO_WEIGHTS = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt")


#: What ModelOpt before 0.31 writes beside config.json, instead of into it.
QUANTIZATION = "hf_quant_config.json"


def with_quantization(config: Mapping[str, object], beside: Mapping[str, object]) -> Mapping[str, object]:
    """`config` with what `hf_quant_config.json` says, where it does not say itself how its weights are stored
    (`get_config` in vllm/transformers_utils/config.py)."""
    return {**config, "quantization_config": beside} if beside and says_no_quantization(config) else config


def says_no_quantization(config: Mapping[str, object]) -> bool:
    return config.get("quantization_config") is None


def weights_bytes(files: Mapping[str, int]) -> int:
    """Of a folder's files, path → bytes, those that vLLM loads: safetensors before PyTorch's own, not below folders;
    not a second copy of the same for another program (`consolidated.safetensors`). 0 where some of them are missing."""
    found = loaded(files)
    return 0 if missing(found) else sum(files[name] for name in found)


def loaded(files: Iterable[str]) -> list[str]:
    """Of a folder's files, those with the weights that vLLM loads."""
    top = [name for name in files if "/" not in name]
    for fits in (_numbered, _safetensors, _pytorch):
        if found := [name for name in top if fits(name)]:
            return found
    return []


def missing(files: Iterable[str]) -> list[str]:
    """Of weights in numbered parts, which say how many they are, those that are not there."""
    there = set(files)
    whole = {
        (match[1], match[2], match[3]) for name in there if (match := _PART.match(name)) and int(match[2]) < 10_000
    }
    every = (f"{begin}{n:0{len(many)}}-of-{many}{end}" for begin, many, end in whole for n in range(1, int(many) + 1))
    return sorted(name for name in every if name not in there)


def pickles_of(files: Mapping[str, int]) -> tuple[str, ...]:
    """The files with weights that vLLM would load although they are pickles: where there are no safetensors
    (model_executor/model_loader/default_loader.py, 0.32.0)."""
    top = [name for name in sorted(files) if "/" not in name]
    if any(_safetensors(name) for name in top):
        return ()
    return tuple(name for name in top if name.endswith((".bin", ".pt")) and name not in _NO_WEIGHTS)


def _numbered(name: str) -> bool:
    return name.startswith("model") and name.endswith(".safetensors")


def _safetensors(name: str) -> bool:
    """Not those of an adapter (LoRA), which are no model's own."""
    return name.endswith(".safetensors") and not name.startswith("adapter_model")


def _pytorch(name: str) -> bool:
    return name.startswith("pytorch_model") and name.endswith(".bin")
