"""Whether the files of a quantised model say that its KV cache is kept in 8 bits.

Source: vllm 0.32.0, `get_kv_cache_quant_algo_string` in vllm/utils/torch_utils.py for ModelOpt's, and the class
`Attention` for those of llm-compressor.
"""

from __future__ import annotations

from collections.abc import Mapping

#: What ModelOpt calls the ways of which vLLM makes its own (`_normalize_quantization_config` in
#: vllm/transformers_utils/model_arch_config_convertor.py), where the file does not name the method itself.
_MODELOPT = ("FP8", "FP8_PER_CHANNEL_PER_TOKEN", "FP8_PB_WO", "NVFP4")


def cache_in_8bit(quantization: object) -> bool:
    """`quantization`: a config's `quantization_config`, or what hf_quant_config.json says."""
    if not isinstance(quantization, Mapping):
        return False
    if quantization.get("quant_method") == "compressed-tensors":
        return isinstance(quantization.get("kv_cache_scheme"), Mapping)
    return _of_modelopt(quantization) == "fp8"


def cache_in_4bit(quantization: object) -> bool:
    """How much it takes then is not known here."""
    return isinstance(quantization, Mapping) and _of_modelopt(quantization) == "nvfp4"


def _of_modelopt(quantization: Mapping[str, object]) -> str:
    """`fp8`, `nvfp4`, or empty for what vLLM keeps as the model is."""
    inner, producer = quantization.get("quantization"), quantization.get("producer")
    named = isinstance(producer, Mapping) and producer.get("name") == "modelopt"
    made = named and isinstance(inner, Mapping) and str(inner.get("quant_algo")).upper() in _MODELOPT
    if not made and not is_modelopt(quantization):
        return ""
    said = [part for part in (inner, quantization) if isinstance(part, Mapping)]
    kept = next(
        (part[key] for key in ("kv_cache_scheme", "kv_cache_quant_algo") for part in said if part.get(key)), None
    )
    if not isinstance(kept, Mapping):
        return str(kept).lower() if str(kept).lower() in ("fp8", "nvfp4") else ""
    if kept.get("type") != "float":
        return ""
    if kept.get("num_bits") == 4:
        return "nvfp4"
    return "fp8" if kept.get("num_bits") == 8 and kept.get("dynamic") is False else ""


def is_modelopt(quantization: Mapping[str, object]) -> bool:
    return str(quantization.get("quant_method", "")).startswith("modelopt")
