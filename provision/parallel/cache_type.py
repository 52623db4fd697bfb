"""Whether the files of a quantised model say that its KV cache is kept in 8 bits.

Source: vllm 0.32.0, `get_kv_cache_quant_algo_string` in vllm/utils/torch_utils.py for ModelOpt's, and the class
`Attention` for those of llm-compressor.
"""

from __future__ import annotations

from collections.abc import Mapping


def cache_in_8bit(quantization: object) -> bool:
    """`quantization`: a config's `quantization_config`."""
    if not isinstance(quantization, Mapping):
        return False
    method, inner = str(quantization.get("quant_method", "")), quantization.get("quantization")
    if method == "compressed-tensors":
        return isinstance(quantization.get("kv_cache_scheme"), Mapping)
    if not method.startswith("modelopt"):
        return False
    said = [part for part in (inner, quantization) if isinstance(part, Mapping)]
    scheme = next((part["kv_cache_scheme"] for part in said if part.get("kv_cache_scheme")), None)
    if scheme is not None:
        return isinstance(scheme, Mapping) and scheme.get("num_bits") == 8 and scheme.get("dynamic") is False
    named = next((part["kv_cache_quant_algo"] for part in said if part.get("kv_cache_quant_algo")), "")
    return str(named).lower() == "fp8"
