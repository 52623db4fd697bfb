"""What models with layers of several kinds keep of a token, against arithmetic by hand on their published config.json:
bytes of all layers whose cache grows with the length, at 16 bits and on one GPU."""

import pytest

from provision.parallel.architecture import read_architecture

_GQA = {"num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096, "head_dim": 128}
_MLA = {"num_attention_heads": 64, "hidden_size": 6144, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
_ATTENDS = 2 * 8 * 128 * 2
_LATENT = 576 * 2

PUBLISHED = {
    "MiniMax-M2": ({"model_type": "minimax_m2", "num_hidden_layers": 62, "attn_type_list": [1] * 62}, 62 * _ATTENDS),
    "MiniMax-M1-80k": (
        {
            "model_type": "minimax_m1",
            "num_hidden_layers": 80,
            "attn_type_list": [0, 0, 0, 0, 0, 0, 0, 1] * 10,
            "layernorm_full_attention_alpha": 3.5,
            "layernorm_linear_attention_alpha": 3.5,
        },
        10 * _ATTENDS,
    ),
    "LFM2-1.2B": (
        {
            "model_type": "lfm2",
            "num_hidden_layers": 16,
            "full_attn_idxs": [2, 5, 8, 10, 12, 14],
            "conv_dim": 2048,
            "conv_dim_out": 2048,
            "conv_use_xavier_init": True,
        },
        6 * _ATTENDS,
    ),
    "NVIDIA-Nemotron-3-Nano": (
        {
            "model_type": "nemotron_h",
            "num_hidden_layers": 52,
            "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
            "ssm_state_size": 128,
            "use_mamba_kernels": True,
            "use_conv_bias": True,
            "mtp_hybrid_override_pattern": "*E",
        },
        6 * _ATTENDS,
    ),
    "Jamba-1.5": (
        {
            "model_type": "jamba",
            "num_hidden_layers": 72,
            "attn_layer_offset": 4,
            "attn_layer_period": 8,
            "use_mamba_kernels": True,
        },
        9 * _ATTENDS,
    ),
    "Falcon-H1": (
        {
            "model_type": "falcon_h1",
            "num_hidden_layers": 72,
            "ssm_in_multiplier": 0.5,
            "ssm_multipliers": [0.3],
            "ssm_out_multiplier": 0.1,
        },
        72 * _ATTENDS,
    ),
    "Bamba-9B": (
        {"model_type": "bamba", "num_hidden_layers": 32, "attn_layer_indices": [9, 18, 27], "attn_rotary_emb": 64},
        3 * _ATTENDS,
    ),
    "Zamba2": (
        {
            "model_type": "zamba2",
            "num_hidden_layers": 3,
            "layers_block_type": ["mamba", "hybrid", "mamba"],
            "hybrid_layer_ids": [1],
            "kv_channels": 112,
            "attention_head_dim": 224,
            "mamba_headdim": 64,
        },
        2 * 8 * 224 * 2,
    ),
    "Step-3.5-Flash": (
        {
            "model_type": "step3p5",
            "num_hidden_layers": 4,
            "layer_types": ["full_attention", *["sliding_attention"] * 3],
            "sliding_window": 512,
            "attention_other_setting": {
                "attention_type": "sliding_attention",
                "num_attention_heads": 96,
                "num_attention_groups": 4,
                "head_dim": 128,
            },
            "use_head_wise_attn_gate": True,
        },
        _ATTENDS,
    ),
    "gemma-4": (
        {
            "model_type": "gemma4_text",
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
            "use_bidirectional_attention": "vision",
            "sliding_window": 1024,
            "global_head_dim": 512,
            "num_global_key_value_heads": 4,
        },
        2 * 4 * 512 * 2,
    ),
    "Ling-2.5": (
        {**_MLA, "model_type": "bailing_hybrid", "num_hidden_layers": 80, "layer_group_size": 8},
        10 * _LATENT,
    ),
    "LongCat-Flash": (
        {
            **_MLA,
            "model_type": "longcat_flash",
            "num_layers": 28,
            "attention_method": "MLA",
            "mla_scale_q_lora": True,
            "mla_scale_kv_lora": True,
        },
        56 * _LATENT,
    ),
    "Mamba-Codestral": ({"model_type": "mamba2", "num_hidden_layers": 64, "num_heads": 128, "use_conv_bias": True}, 0),
    "chatglm3": (
        {
            "model_type": "chatglm",
            "num_hidden_layers": 28,
            "kv_channels": 128,
            "multi_query_attention": True,
            "multi_query_group_num": 2,
            "num_key_value_heads": None,
        },
        28 * 2 * 2 * 128 * 2,
    ),
}


@pytest.mark.parametrize(("config", "kept"), PUBLISHED.values(), ids=PUBLISHED)
def test_what_grows_with_the_length(config: dict[str, object], kept: int) -> None:
    model = read_architecture({**(_GQA if "kv_lora_rank" not in config else {}), **config})

    assert model is not None
    growing = [part for layer in model.caches for part in layer if not part.window]
    assert sum(2 * (part.latent or 2 * part.kv_heads * part.head_dim) for part in growing) == kept
    assert model.not_modelled == ()


def test_where_attention_has_a_window_it_may_have_other_heads() -> None:
    model = read_architecture({**_GQA, **PUBLISHED["Step-3.5-Flash"][0]})

    assert model is not None
    assert [layer[0].kv_heads for layer in model.caches] == [8, 4, 4, 4]


def test_a_model_without_attention_needs_no_heads() -> None:
    model = read_architecture({"model_type": "mamba", "hidden_size": 2560, "num_hidden_layers": 64, "state_size": 16})

    assert model is not None
    assert not model.attends
    assert model.not_modelled == ()
