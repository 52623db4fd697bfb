"""Mistral's own form of a model's config, `params.json`, in the names of config.json: some of its models have no other.

Source: vllm 0.32.0, vllm/transformers_utils/configs/mistral.py.
"""

from __future__ import annotations

from collections.abc import Mapping

_NAMES = {
    "dim": "hidden_size",
    "norm_eps": "rms_norm_eps",
    "n_kv_heads": "num_key_value_heads",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
}
_OF_EXPERTS = {
    "num_experts": "n_routed_experts",
    "num_shared_experts": "n_shared_experts",
    "expert_hidden_dim": "moe_intermediate_size",
    "first_k_dense_replace": "first_k_dense_replace",
}


def as_config(params: Mapping[str, object]) -> dict[str, object]:
    """Empty if these are not such parameters."""
    if "n_layers" not in params or "dim" not in params:
        return {}
    config = {_NAMES.get(key, key): value for key, value in params.items()}
    experts = params.get("moe")
    if isinstance(experts, Mapping):
        config |= {name: experts[key] for key, name in _OF_EXPERTS.items() if key in experts}
    latent = params.get("kv_lora_rank") is not None
    kind = "DeepseekV3ForCausalLM" if latent else "MixtralForCausalLM" if experts else "MistralForCausalLM"
    config |= {"architectures": [kind], "model_type": "deepseek_v3" if latent else "mistral"}
    config |= _windows(config.get("sliding_window"), config.get("num_hidden_layers"))
    if isinstance(stored := config.pop("quantization", None), Mapping):
        config["quantization_config"] = stored if "quant_method" in stored else {"quant_method": "fp8"}
    if "max_position_embeddings" not in config:
        config["max_position_embeddings"] = params.get("max_seq_len") or 128_000
    return config


def _windows(said: object, layers: object) -> dict[str, object]:
    """A list says for one layer after the other whether it has a window, over and over."""
    if not isinstance(said, list) or not said or not isinstance(layers, int) or layers > 10_000:
        return {}
    kinds = ["full_attention" if window is None else "sliding_attention" for window in said]
    window = next((window for window in said if window is not None), None)
    return {"layer_types": kinds * (layers // len(said)), "sliding_window": window}
