"""What an inventory says about the cut and the memory, beyond its two degrees: flags and variables of vLLM."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from provision.core.wording import GIB, is_true
from provision.inventory.models import Serve
from provision.parallel.architecture import Architecture
from provision.parallel.cut import Cut
from provision.parallel.size import MemorySettings

#: Flags after which the arithmetic of weights or GPUs is another one than here.
_UNSURE = (
    "quantization", "load-format", "speculative-config", "hf-config-path", "lora-modules", "kv-cache-memory-bytes",
    "prefill-context-parallel-size",
)  # fmt: skip

#: Of these, those after which it may be more than here.
_MORE = ("speculative-config", "hf-config-path", "kv-cache-memory-bytes")

#: Flags after which what sees images may be on every GPU whole, or nowhere.
_TOWER_FLAGS = ("mm-encoder-tp-mode", "limit-mm-per-prompt", "language-model-only")

#: What vLLM takes of each GPU unless told otherwise. It does not start where less is free: vllm/config/cache.py,
#: `gpu_memory_utilization`, and "Free memory on device … is less than desired GPU memory utilization".
UTILIZATION = 0.92

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def settings_of(variables: Mapping[str, str], serve: Serve) -> MemorySettings:
    """`variables`: those of the ranks."""
    args = flags(serve)
    dtype = 4 if str(args.get("dtype")) in ("float32", "float") else 2
    cache = str(args.get("kv-cache-dtype", "auto"))
    return MemorySettings(
        utilization=utilization(serve),
        kv_bytes=1 if cache.startswith(("fp8", "int8")) else dtype,
        eager=args.get("enforce-eager") is True,
        offloaded=int(_number(args.get("cpu-offload-gb")) * GIB),
        batched=tokens(args.get("max-num-batched-tokens")),
        requests=tokens(args.get("max-num-seqs")),
        partition=_partition(variables.get("VLLM_PP_LAYER_PARTITION", "")),
        any_cache=cache == "auto",
        sure=not any(name in args for name in _UNSURE),
    )


def may_be_more(serve: Serve) -> tuple[str, ...]:
    """The flags with which the model may take more than is counted, or get less."""
    return tuple(name for name in _MORE if name in flags(serve))


def utilization(serve: Serve) -> float:
    """The part of a GPU's memory that the model wants: `gpu-memory-utilization` of `serve.args`, or vLLM's default."""
    for name, value in serve.args.items():
        if name.replace("_", "-") == "gpu-memory-utilization" and isinstance(value, (int, float, str)):
            try:
                share = float(value)
            except ValueError:
                break
            return share if math.isfinite(share) else UTILIZATION
    return UTILIZATION


def length_of(serve: Serve) -> int | None:
    """`max-model-len` in tokens; None where it is left to the model, or to what the memory holds (`auto`, -1)."""
    return tokens(flags(serve).get("max-model-len"))


def any_length(variables: Mapping[str, str], serve: Serve) -> bool:
    """Whether vLLM was told to take more tokens than the model was made for, or to see its positions otherwise."""
    allowed = variables.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "").lower()
    return allowed in ("1", "true") or any(name in flags(serve) for name in ("rope-scaling", "rope-theta"))


def fits_itself(serve: Serve) -> bool:
    """Whether vLLM is to choose the length by the memory that is left."""
    return str(flags(serve).get("max-model-len", "")) in ("auto", "-1")


def cut_of(variables: Mapping[str, str], serve: Serve, tensor: int, pipeline: int) -> Cut:
    """With what `serve` says beyond the two degrees."""
    return Cut(
        tensor,
        pipeline,
        length_of(serve),
        any_length(variables, serve),
        data=serve.data_parallel,
        experts=is_true(str(serve.argument("enable-expert-parallel") or "")),
        context=serve.count("prefill-context-parallel-size"),
        decode=serve.count("decode-context-parallel-size"),
        balanced=is_true(str(serve.argument("enable-eplb") or "")),
        redundant=_redundant(serve),
        whole_tower=any(name in _TOWER_FLAGS for name in (flag.partition(".")[0] for flag in flags(serve))),
    )


def _redundant(serve: Serve) -> int:
    """Experts that are kept twice: of `eplb-config`, whole or by its part."""
    whole = serve.argument("eplb-config")
    said = _object(whole) if isinstance(whole, str) else whole
    found = said.get("num_redundant_experts") if isinstance(said, Mapping) else None
    for name in ("eplb-config.num-redundant-experts", "num-redundant-experts"):
        found = serve.argument(name) or found
    return int(str(found)) if str(found).isdecimal() else 0


def unread_overrides(args: Mapping[str, object]) -> bool:
    """Whether `hf-overrides` is there and is no object that can be read."""
    said = args.get("hf-overrides")
    return said is not None and not isinstance(_object(said) if isinstance(said, str) else said, Mapping)


def with_overrides(config: Mapping[str, object], serve: Serve) -> Mapping[str, object]:
    """The config as `hf-overrides` changes it: by an object, or by `hf-overrides.text_config.key`."""
    for name, value in serve.args.items():
        flag, *path = name.split(".")
        if flag.replace("_", "-") != "hf-overrides":
            continue
        changes = _object(value) if isinstance(value, str) and not path else value
        for key in reversed(path):
            changes = {key: changes}
        config = _merged(config, changes)
    return config


def _merged(config: Mapping[str, object], changes: object) -> Mapping[str, object]:
    if not isinstance(changes, Mapping):
        return config
    merged = dict(config)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def loaded_bytes(model: Architecture, weights: int, serve: Serve) -> int:
    """Of the weights, once loaded: numbers of 32 bits become ones of 16, unless told otherwise, and the other way
    round (`_resolve_auto_dtype` in vllm/config/model.py). Quantised ones stay as they are."""
    if model.quantized:
        return weights
    wide = str(flags(serve).get("dtype")) in ("float32", "float")
    return weights * (4 if wide else 2) // model.stored_bytes if model.stored_bytes >= 2 else weights


def flags(serve: Serve) -> dict[str, object]:
    return {name.replace("_", "-"): value for name, value in serve.args.items()}


def tokens(value: object) -> int | None:
    """`4096`, `32k` (thousands) or `32K` (times 1024), as vLLM reads its flags."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([kmgtKMGT]?)", str(value).strip(), re.ASCII)
    if found is None or isinstance(value, bool):
        return None
    return int(float(found[1]) * _UNITS.get(found[2], 1)) or None


def _number(value: object) -> float:
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return 0.0


def _partition(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    return tuple(map(int, parts)) if all(re.fullmatch(r"\d{1,4}", part, re.ASCII) for part in parts) else ()
