"""The keys of a config.json that tell of attention, cache or layers. Those that are neither read nor without effect on
the size of the cache are told, so that nobody takes the arithmetic for more than it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from provision.core.regex import regex
from provision.parallel.encoder_decoder import only_encodes

#: The kinds of layers that `layer_types` names.
STATES = frozenset(("linear_attention", "mamba", "mamba2", "conv", "recurrent", "rwkv", "gated_deltanet", "moe", "mlp"))
WINDOWS = {"sliding_attention": "sliding_window", "chunked_attention": "attention_chunk_size"}
FULL = frozenset(("full_attention", "attention", "hybrid", "global_attention", "indexed_attention"))


#: No model has as many of anything.
_NO_MODEL = 10**15


#: What one number is called in the configs of different models.
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
HIDDEN = ("hidden_size", "n_embd", "d_model", "n_embed")
KV_HEADS = ("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num", "num_attention_groups")
INTERMEDIATE = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size")
EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
LENGTHS = (
    "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", "max_target_positions",
    "max_sequence_length", "max_seq_length", "seq_len",
)  # fmt: skip

_HEAD_DIMS = ("head_dim", "attention_head_dim")

#: Bytes of one number in a file that is not quantised.
BYTES = {"float32": 4, "float": 4, "float64": 8, "float16": 2, "half": 2, "bfloat16": 2}


def counts(value: object) -> TypeGuard[int | float]:
    """Whether it can be a number of anything that a model has."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _NO_MODEL


def number(text: Mapping[str, object], names: Sequence[str]) -> int:
    """The first of these that it has; 0 without."""
    for name in names:
        value = text.get(name)
        if counts(value):
            return int(value)
    return 0


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Keys of a config that tell of attention, cache or layers, and are read, or change nothing of the cache's size.
_KNOWN = _names(
    """
    _attn_implementation _flash_attn_2_enabled _sliding_window_pattern activation_sparsity_pattern add_cross_attention
    alibi_bias_max altup_num_inputs attention_bias attention_chunk_size attention_dropout attention_dropout_prob
    attention_head_dim attention_hidden_size attention_in_multiplier attention_k_eq_v attention_layer_norm
    attention_layer_norm_with_affine attention_method attention_multiplier attention_other_setting attention_out_bias
    attention_out_multiplier attention_probs_dropout_prob attention_softmax_in_fp32 attention_type attention_value_scale
    attn_config attn_dropout attn_dropout_prob attn_factor attn_implementation attn_layer_indices attn_layer_offset
    attn_layer_period attn_logit_softcapping attn_output_gate attn_pdrop attn_rotary_emb attn_scale
    attn_temperature_tuning attn_type_list block_configs cache_implementation chunk_size compress_ratios
    compress_rope_theta conv_L_cache conv_bias conv_dim conv_dim_out conv_kernel conv_use_xavier_init
    decoder_attention_heads decoder_sparse_step dense_attention_every_n_layers encoder_attention_heads
    expert_layer_offset expert_layer_period first_k_dense_replace flash_attn floor_scale full_attention_interval
    full_attn_alpha_factor full_attn_beta_factor full_attn_idxs global_attn_every_n_layers global_head_dim head_dim
    hidden_mamba_act hidden_size_per_head hidden_size_per_layer_input hybrid_layer_ids hybrid_override_pattern
    index_head_dim index_n_heads index_topk indexer_rope_interleave indexer_types interleave_moe_layer_step
    key_multiplier kv_lora_rank kv_n_heads laurel_rank layer_group_size layer_types layernorm_full_attention_alpha
    layernorm_full_attention_beta layernorm_linear_attention_alpha layernorm_linear_attention_beta layers_block_type
    linear_attn_alpha_factor linear_attn_beta_factor linear_attn_config linear_attn_norm_group_size
    linear_conv_kernel_dim linear_key_head_dim linear_num_key_heads linear_num_value_heads linear_value_head_dim
    mamba_chunk_size mamba_conv_bias mamba_d_conv mamba_d_head mamba_d_ssm mamba_d_state mamba_dt_rank mamba_expand
    mamba_head_dim mamba_headdim mamba_hidden_act mamba_intermediate mamba_n_groups mamba_n_heads mamba_ngroups
    mamba_norm_before_gate mamba_num_groups mamba_num_heads mamba_proj_bias mamba_rms_norm mamba_ssm_cache_dtype
    mamba_ssm_dtype mamba_state_dim mamba_use_mlp max_window_layers mla_scale_kv_lora mla_scale_q_lora mlp_layer_types
    mlp_only_layers moe_layer_freq moe_layers moe_layers_enum moe_shared_expert_intermediate_size
    mtp_hybrid_override_pattern mtp_layer_types mtp_layers_block_type mtp_mlp_layer_types multi_query
    multi_query_attention mup_attn_multiplier n_head_kv n_layer n_layers n_mamba_heads n_shared_experts
    new_decoder_architecture no_bias no_rope_layer_interval no_rope_layers num_attention_groups num_attention_heads
    num_attention_heads_per_layer num_global_key_value_heads num_hidden_layers num_key_value_heads num_kv_heads
    num_kv_shared_layers num_layers num_ln_in_parallel_attn num_mem_blocks num_nextn_predict_layers num_shared_experts
    original_num_hidden_layers parallel_attn partial_rotary_factor per_layer_config pos_shift pre_allocate_kv_cache
    prefix_dense_sliding_window_pattern q_lora_rank qk_head_dim qk_layernorm qk_nope_head_dim qk_rope_head_dim
    query_pre_attn_scalar residual_in_fp32 rope_interleave scale_attention_softmax_in_fp32
    scale_attn_by_inverse_layer_idx scale_attn_weights seq_len_interpolation_factor shared_expert_intermediate_size
    shared_intermediate_size sliding_window sliding_window_pattern ssm_cfg ssm_in_multiplier ssm_multipliers
    ssm_out_multiplier ssm_state_size state_size use_attention_bias use_attn_output_gate use_attn_qkvbias
    use_bidirectional_attention use_cache use_conv_bias use_double_wide_mlp use_flash_attention use_flash_attention_2
    use_flash_attn use_gated_attention use_head_wise_attn_gate use_logn_attn use_mamba_kernels use_mambapy use_qk_norm
    use_qkv_bias use_sliding_window v_head_dim vocab_size_per_layer_input
    """
)
_TELLS = regex(
    r"attn|attention|cache|(?:^|_)kv(?:_|$)|window|layer_types|layers_block|block_config|compress|hybrid|per_layer"
    r"|linear_(?:attn|key|value|num)|ssm|mamba|chunk|conv_|indexer|^index_|state_size|kv_shared|retention|use_cla"
)
#: Read of MiMo V2.
_OF_MIMO = _names(
    "hybrid_layer_pattern sliding_window_size swa_num_attention_heads swa_num_key_value_heads"
    " add_full_attention_sink_bias add_swa_attention_sink_bias"
)
#: `kv_channels` of these is what `hidden_size` and the heads make anyway, or `attention_head_dim` says.
_CHANNELS = frozenset(("chatglm", "qwen", "zamba2"))


#: What a `dtype` begins with that tells of files which are quantised, or of nothing.
_QUANTISED = ("auto", "float8", "fp8", "int8", "uint8")


def odd(text: Mapping[str, object], layers: int) -> Iterator[str]:
    """Keys that are known, with a value that says nothing which is understood."""
    for key in (*LAYERS, *HEADS, *HIDDEN, *KV_HEADS, *LENGTHS, *_HEAD_DIMS, *INTERMEDIATE, *EXPERTS, "vocab_size"):
        number = text.get(key)
        broken = isinstance(number, str) or (isinstance(number, float) and not number.is_integer())
        if key in (*LENGTHS, *_HEAD_DIMS):
            broken |= number is not None and not counts(number)
        if broken:
            yield key
    for key in ("dtype", "torch_dtype"):
        kind = str(text.get(key) or "auto").removeprefix("torch.")
        if kind not in BYTES and not kind.startswith(_QUANTISED):
            yield f"{key}: {kind}"
    for key in ("layer_types", "layers_block_type"):
        said = text.get(key)
        if said and (not isinstance(said, list) or len(said) < layers):
            yield f"{key}: not of {layers} layers"
    window = text.get("sliding_window")
    if window not in (None, False, 0, -1) and not counts(window):
        yield "sliding_window"
    heads = text.get("num_key_value_heads")
    if heads is not None and not counts(heads):
        yield "num_key_value_heads"


def not_modelled(text: Mapping[str, object], layers: int = 0) -> tuple[str, ...]:
    """The keys that tell of attention, cache or layers and are not read here."""
    listed = text.get("layer_types") or text.get("layers_block_type")
    names = {str(name) for name in listed} if isinstance(listed, list) else set()
    strange = sorted(f"layer_types: {name}" for name in names - FULL - STATES - {*WINDOWS})
    known = _KNOWN | {"kv_channels"} if str(text.get("model_type")) in _CHANNELS else _KNOWN
    if str(text.get("model_type")).startswith("mimo_v2"):
        known |= _OF_MIMO
    if only_encodes(text):
        return ()
    said = (key for key, value in text.items() if value not in (None, False, 0, [], {}, ""))
    unread = sorted(key for key in said if _TELLS.search(key) and key not in known)
    return (*unread, *strange, *odd(text, layers))
