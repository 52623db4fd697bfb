"""FP8 weights that are quantised in blocks: which of them GPUs share by columns, where each part must be whole blocks.

Source: vllm 0.32.0, `validate_fp8_block_shape` in vllm/model_executor/layers/quantization/utils/fp8_utils.py. What is
shared by rows, queries, keys and values and the first half of a feed-forward part, may end inside a block
(`_maybe_allow_fp8_block_shape_mismatch` in vllm/model_executor/layers/linear.py). Parts of experts are refined by vLLM
itself; DeepSeek V4 rounds those of shared ones up (vllm/models/deepseek_v4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provision.core.regex import regex
from provision.parallel.feed_forward import dense, shared

ATTENTION, DENSE, SHARED = "attention's output", "dense feed-forward size", "shared expert's size"

#: Names of modules that stay as they are → what of the model is not quantised then.
_LEFT_OUT = (
    (ATTENTION, regex(r"o_proj|(?:^|[.*])(?:self_)?attn[.*]*$|attention[.*]*$")),
    (DENSE, regex(r"down_proj|(?:^|[.*])mlp[.*]*$|layers\.(?:\d+|\*)[.*]*$")),
    (SHARED, regex(r"shared?_experts?(?!_gate)|down_proj|(?:^|[.*])mlp[.*]*$|layers\.(?:\d+|\*)[.*]*$")),
)


def block_of(config: Mapping[str, object]) -> tuple[int, int] | None:
    quantized = config.get("quantization_config")
    size = quantized.get("weight_block_size") if isinstance(quantized, Mapping) else None
    if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size):
        return size[0], size[1]
    return None


def blocks(config: Mapping[str, object], text: Mapping[str, object], attention: int) -> tuple[tuple[str, int], ...]:
    """Name and columns. `attention`: of what it gives on. What is not quantised anywhere in the model is left out."""
    left_out = {what for what, pattern in _LEFT_OUT for name in _unquantised(config, text) if pattern.search(name)}
    if str(text.get("model_type")).startswith("deepseek_v4"):
        left_out.add(SHARED)
    sizes = ((ATTENTION, attention), (DENSE, dense(text)), (SHARED, shared(text)))
    return tuple((what, size) for what, size in sizes if size and what not in left_out)


def _unquantised(*configs: Mapping[str, object]) -> Iterator[str]:
    for config in configs:
        quantized = config.get("quantization_config")
        for key in ("modules_to_not_convert", "ignored_layers", "ignore"):
            named = quantized.get(key) if isinstance(quantized, Mapping) else None
            yield from map(str, named if isinstance(named, list) else ())
