"""What a config.json says in a way that nobody understands: any sum that passed over it would be wrong.

Source: vllm 0.33.0, `get_rope` in vllm/model_executor/layers/rotary_embedding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from provision.core.wording import did_you_mean
from provision.parallel.cache_type import cache_in_4bit, is_modelopt
from provision.parallel.keys import counts, odd

#: Kinds of positions (RoPE): those that do nothing without a factor, and others.
_SCALING = ("linear", "ntk", "dynamic", "yarn", "llama3", "deepseek_yarn", "deepseek_llama_scaling")
_ROPES = (*_SCALING, "default", "longrope", "su", "mrope", "mllama4", "xdrope", "openpangu", "proportional", "axial")

_LONGEST = 60


def of_config(config: Mapping[str, object], text: Mapping[str, object], layers: int) -> tuple[str, ...]:
    """A sentence each. `text`: its part about language."""
    quantized = [*_blocks(config.get("quantization_config")), *_blocks(text.get("quantization_config"))]
    strange = (f"`{said}` is not understood" for said in odd(text, layers))
    return (*strange, *_heads(text), *_positions(text), *dict.fromkeys(quantized))


def _heads(text: Mapping[str, object]) -> Iterator[str]:
    """Each KV head is of as many heads as the others."""
    heads, shared = text.get("num_attention_heads"), text.get("num_key_value_heads")
    if _is_size(heads) and _is_size(shared) and not text.get("block_configs") and heads % shared:  # type: ignore[operator]
        yield f"`num_key_value_heads` is `{shared}`, expected a number that divides `num_attention_heads`, `{heads}`"


def _positions(text: Mapping[str, object]) -> Iterator[str]:
    key = "rope_parameters" if text.get("rope_parameters") else "rope_scaling"
    said = text.get(key)
    if not said:
        return
    if not isinstance(said, Mapping):
        yield f'`{key}` is `{short(said)}`, expected an object such as `{{"rope_type": "yarn", "factor": 4.0}}`'
        return
    nested = {f"{key}.{name}": part for name, part in said.items() if isinstance(part, Mapping)}
    for place, part in (nested or {key: said}).items():
        kind, factor = str(part.get("rope_type") or part.get("type") or "default"), part.get("factor")
        if factor is not None and not counts(factor):
            yield f"`{place}.factor` is `{short(factor)}`, expected a number such as `4.0`"
        elif kind in _SCALING and factor is None and "alpha" not in part:
            yield f"`{place}` is of the kind `{kind}` and has no `factor`, expected a number such as `4.0`"
        elif kind not in _ROPES and factor is not None:
            yield f"`{place}` is of the kind `{short(kind)}`, which is not known here{did_you_mean(kind, _ROPES, '; ')}"


def _blocks(quantized: object) -> Iterator[str]:
    if quantized is None:
        return
    if not isinstance(quantized, Mapping):
        yield f'`quantization_config` is `{short(quantized)}`, expected an object such as `{{"quant_method": "fp8"}}`'
        return
    scheme = quantized.get("kv_cache_scheme")
    if cache_in_4bit(quantized):
        yield "how much a KV cache in 4 bits (NVFP4) takes is not known here"
    elif isinstance(scheme, Mapping) and scheme.get("num_bits", 8) != 8 and not is_modelopt(quantized):
        place = "quantization_config.kv_cache_scheme.num_bits"
        yield f"`{place}` is `{short(scheme['num_bits'])}`, expected `8`, which is all that vLLM reads"
    size = quantized.get("weight_block_size")
    if size is not None and not (isinstance(size, list) and len(size) == 2 and all(map(_is_size, size))):
        place = "quantization_config.weight_block_size"
        yield f"`{place}` is `{short(size)}`, expected two whole numbers such as `[128, 128]`"


def _is_size(value: object) -> bool:
    return isinstance(value, int) and counts(value)


def short(value: object) -> str:
    """As it stands in JSON, the beginning of what is long."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
