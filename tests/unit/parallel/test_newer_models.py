"""What newer models keep of one request, worked out by hand from the numbers of their config.json, at 16 bits and on
one GPU; each in the keys and the nesting that its own config has, shortened to what tells of layers and attention."""

import json
from pathlib import Path
from typing import Any

import pytest

from provision.parallel.architecture import read_architecture
from provision.parallel.cache_type import cache_in_8bit
from provision.parallel.size import MemorySettings, kv_bytes
from provision.weights.lookup import from_folder

#: Tokens that go through at once, for layers with a window.
BATCHED = 2048


def own(layers: int, heads: int, kv: int, hidden: int, length: int, **more: Any) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "hidden_size": hidden,
        "max_position_embeddings": length,
        **more,
    }


def full(layers: int, kv: int, size: int, length: int) -> int:
    return layers * 2 * kv * size * 2 * length


def window(layers: int, kv: int, size: int, tokens: int) -> int:
    return layers * 2 * kv * size * 2 * (tokens + BATCHED)


def latent(layers: int, length: int) -> int:
    return layers * (512 + 64) * 2 * length


_MLA = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128}
_PLAIN = {"use_mla": False, "kv_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "v_head_dim": 0}
_ENCODER = {"num_hidden_layers": 24, "num_attention_heads": 16, "hidden_size": 1024, "max_position_embeddings": 8194}
_OCR = own(12, 10, 10, 1280, 8192, **_PLAIN)
_OMNI = {"model_type": "qwen3_omni_moe_text", **own(48, 32, 4, 2048, 65536, head_dim=128, num_experts=128)}
_SWA = {
    "hybrid_layer_pattern": [0 if layer in (0, 5, 11, 17, 23, 29, 35, 41, 47) else 1 for layer in range(48)],
    "sliding_window": 128,
    "sliding_window_size": 128,
    "swa_num_attention_heads": 64,
    "swa_num_key_value_heads": 8,
    "swa_head_dim": 192,
    "swa_v_head_dim": 128,
    "v_head_dim": 128,
}
_STEP = {
    "layer_types": ["full_attention" if layer % 4 == 0 else "sliding_attention" for layer in range(45)],
    "sliding_window": 512,
    "attention_other_setting": {
        "attention_type": "sliding_attention",
        "num_attention_heads": 96,
        "num_attention_groups": 8,
        "head_dim": 128,
    },
}
_TRINITY = ["full_attention" if layer % 4 == 3 else "sliding_attention" for layer in range(32)]
_LFM = ["full_attention" if layer in (2, 6, 10, 14, 18, 21) else "conv" for layer in range(24)]
_NANO = "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-"

# name: (config, length, bytes)
MODELS: dict[str, tuple[dict[str, Any], int, int]] = {
    "MiniMax-M1-80k": (
        {"model_type": "minimax_m1", **own(80, 64, 8, 6144, 10**7, head_dim=128, attn_type_list=([0] * 7 + [1]) * 10)},
        32768,
        full(10, 8, 128, 32768),
    ),
    "GLM-4.5V": (
        {
            "model_type": "glm4v_moe",
            "text_config": {"model_type": "glm4v_moe_text", **own(46, 96, 8, 4096, 65536, head_dim=128)},
            "vision_config": {"depth": 24, "num_heads": 12, "hidden_size": 1536},
        },
        65536,
        full(46, 8, 128, 65536),
    ),
    "Kimi-VL-A3B": (
        {
            "model_type": "kimi_vl",
            "text_config": {"model_type": "deepseek_v3", **own(27, 16, 16, 2048, 131072, **_MLA)},
            "vision_config": {"num_hidden_layers": 27, "num_attention_heads": 16, "hidden_size": 1152},
        },
        131072,
        latent(27, 131072),
    ),
    "Kimi-K2.5": (
        {
            "model_type": "kimi_k25",
            "text_config": {"model_type": "kimi_k2", **own(61, 64, 64, 7168, 262144, **_MLA)},
            "vision_config": {"vt_num_hidden_layers": 27},
        },
        262144,
        latent(61, 262144),
    ),
    "Qwen3-Omni-30B-A3B": (
        {
            "model_type": "qwen3_omni_moe",
            "thinker_config": {"text_config": _OMNI, "audio_config": {"encoder_layers": 32}},
            "talker_config": {"text_config": own(20, 16, 2, 1024, 65536)},
        },
        65536,
        full(48, 4, 128, 65536),
    ),
    "Qwen2.5-Omni-7B": (
        {"model_type": "qwen2_5_omni", "thinker_config": {"text_config": own(28, 28, 4, 3584, 32768)}},
        32768,
        full(28, 4, 128, 32768),
    ),
    "Qwen3-VL-235B-A22B": (
        {"model_type": "qwen3_vl_moe", "text_config": own(94, 64, 4, 4096, 262144, head_dim=128)},
        262144,
        full(94, 4, 128, 262144),
    ),
    "LFM2-8B-A1B": (
        {"model_type": "lfm2_moe", **own(24, 32, 8, 2048, 128000, layer_types=_LFM, conv_L_cache=3)},
        128000,
        full(6, 8, 64, 128000),
    ),
    "ERNIE-4.5-VL-28B-A3B": (
        {"model_type": "ernie4_5_moe_vl", **own(28, 20, 4, 2560, 131072, head_dim=128, vision_config={"depth": 32})},
        131072,
        full(28, 4, 128, 131072),
    ),
    "dots.llm1": ({"model_type": "dots1", **own(62, 32, 32, 4096, 32768)}, 32768, full(62, 32, 128, 32768)),
    "dots.ocr": (
        {"model_type": "dots_ocr", **own(28, 12, 2, 1536, 131072, vision_config={"num_attention_heads": 12})},
        131072,
        full(28, 2, 128, 131072),
    ),
    "step3": (
        {
            "model_type": "step3_vl",
            "text_config": {
                "model_type": "step3_text",
                "num_hidden_layers": 61,
                "num_attention_heads": 64,
                "num_attention_groups": 1,
                "hidden_size": 7168,
                "head_dim": 256,
                "max_seq_len": 65536,
            },
        },
        65536,
        full(61, 1, 256, 65536),
    ),
    "Step-3.5-Flash": (
        {
            "model_type": "step3p5",
            "num_hidden_layers": 45,
            "num_attention_heads": 64,
            "num_attention_groups": 8,
            "hidden_size": 4096,
            "head_dim": 128,
            "max_position_embeddings": 262144,
            **_STEP,
        },
        262144,
        full(12, 8, 128, 262144) + window(33, 8, 128, 512),
    ),
    "Phi-4-multimodal": (
        {"model_type": "phi4mm", **own(32, 24, 8, 3072, 131072, sliding_window=262144)},
        131072,
        full(32, 8, 128, 131072),
    ),
    "InternVL3.5-38B": (
        {
            "model_type": "internvl_chat",
            "llm_config": {"model_type": "qwen3", **own(64, 64, 8, 5120, 40960, head_dim=128)},
            "vision_config": {"num_hidden_layers": 45, "num_attention_heads": 25, "hidden_size": 3200},
        },
        40960,
        full(64, 8, 128, 40960),
    ),
    # Plain attention under the name of a model with latent vectors.
    "DeepSeek-OCR": (
        {"model_type": "deepseek_vl_v2", "language_config": {"model_type": "deepseek_v2", **_OCR}, **_OCR},
        8192,
        full(12, 10, 128, 8192),
    ),
    "deepseek-vl2": (
        {
            "model_type": "deepseek_vl_v2",
            "language_config": {"model_type": "deepseek_v2", **own(30, 32, 32, 2560, 4096, **_MLA)},
        },
        4096,
        latent(30, 4096),
    ),
    "Qwen3-Reranker-8B": (
        {"model_type": "qwen3", **own(36, 32, 8, 4096, 40960, head_dim=128)},
        40960,
        full(36, 8, 128, 40960),
    ),
    "EXAONE-3.5-32B": (
        {
            "model_type": "exaone",
            "num_layers": 64,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "hidden_size": 5120,
            "head_dim": 128,
            "max_position_embeddings": 32768,
        },
        32768,
        full(64, 8, 128, 32768),
    ),
    "internlm3-8b": ({"model_type": "internlm3", **own(48, 32, 2, 4096, 32768)}, 32768, full(48, 2, 128, 32768)),
    "grok-2": ({"model_type": "git", **own(64, 64, 8, 8192, 131072, head_dim=128)}, 131072, full(64, 8, 128, 131072)),
    "Ling-flash-2.0": (
        {"model_type": "bailing_moe", **own(32, 32, 4, 4096, 32768, head_dim=128, num_experts=256)},
        32768,
        full(32, 4, 128, 32768),
    ),
    "Ring-flash-linear-2.0": (
        {"model_type": "bailing_moe_linear", **own(32, 32, 4, 4096, 131072, head_dim=128, layer_group_size=8)},
        131072,
        full(4, 4, 128, 131072),
    ),
    # Nine layers see all; values are smaller than keys.
    "MiMo-V2-Flash": (
        {"model_type": "mimo_v2_flash", **own(48, 64, 4, 4096, 262144, head_dim=192, **_SWA)},
        262144,
        9 * 4 * (192 + 128) * 2 * 262144 + 39 * 8 * (192 + 128) * 2 * (128 + BATCHED),
    ),
    "Voxtral-Small-24B": (
        {
            "model_type": "voxtral",
            "text_config": {"model_type": "llama", **own(40, 32, 8, 5120, 131072, head_dim=128)},
            "audio_config": {"num_hidden_layers": 32, "hidden_size": 1280},
        },
        131072,
        full(40, 8, 128, 131072),
    ),
    "Trinity-Mini": (
        {
            "model_type": "afmoe",
            **own(32, 32, 4, 2048, 131072, head_dim=128, sliding_window=2048, layer_types=_TRINITY),
            "global_attn_every_n_layers": 4,
        },
        131072,
        full(8, 4, 128, 131072) + window(24, 4, 128, 2048),
    ),
    "Nemotron-Nano-9B-v2": (
        {"model_type": "nemotron_h", **own(56, 40, 8, 4480, 131072, head_dim=128, hybrid_override_pattern=_NANO)},
        131072,
        full(4, 8, 128, 131072),
    ),
    "TeleChat2-35B": (
        {"model_type": "telechat", "n_layer": 64, "n_head": 48, "hidden_size": 6144, "seq_length": 8192},
        8192,
        full(64, 48, 128, 8192),
    ),
    # For embeddings and rankings: nothing is kept.
    "bge-m3": ({"model_type": "xlm-roberta", **_ENCODER}, 8192, 0),
    "gte-modernbert-base": (
        {"model_type": "modernbert", **_ENCODER, "local_attention": 128, "global_attn_every_n_layers": 3},
        8192,
        0,
    ),
    "embeddinggemma-300m": (
        {"model_type": "gemma3_text", **own(24, 3, 1, 768, 2048, head_dim=256), "use_bidirectional_attention": True},
        2048,
        0,
    ),
}


@pytest.mark.parametrize(("config", "length", "kept"), MODELS.values(), ids=MODELS)
def test_one_request_takes_what_was_worked_out_by_hand(config: dict[str, Any], length: int, kept: int) -> None:
    model = read_architecture(config)

    assert model is not None
    settings = MemorySettings(utilization=0.92, batched=BATCHED)
    assert sum(kv_bytes(model, layer, length, 1, settings) for layer in range(model.layers)) == kept
    assert model.not_modelled == ()


#: Read as if every layer kept all: more than is true, so that it is told and never blocks.
NOT_UNDERSTOOD = {
    "Hunyuan-Large": ({"model_type": "hunyuan", **own(64, 80, 8, 6400, 131072), "use_cla": True}, "use_cla"),
    "plamo-2-8b": ({"model_type": "plamo2", **own(32, 32, 4, 4096, 32768), "mamba_step": 2}, "mamba_step"),
    "Llama-3.2-90B-Vision": (
        {"model_type": "mllama", "text_config": own(100, 64, 8, 8192, 131072, cross_attention_layers=[3, 8, 13])},
        "cross_attention_layers",
    ),
}


@pytest.mark.parametrize(("config", "key"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_what_is_not_understood_is_named(config: dict[str, Any], key: str) -> None:
    model = read_architecture(config)
    assert model is not None and key in model.not_modelled


def test_layers_that_are_listed_need_no_number() -> None:
    """nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B, shortened."""
    kinds = ["mamba", "moe", "mamba", "attention", "moe", "mamba"]
    config = {"model_type": "nemotron_h", **own(6, 64, 2, 8192, 262144, head_dim=128), "layers_block_type": kinds}
    config |= {"n_routed_experts": 512, "moe_intermediate_size": 5120, "moe_latent_size": 2048, "n_shared_experts": 1}
    del config["num_hidden_layers"]
    model = read_architecture(config)
    assert model is not None and (model.layers, model.not_modelled) == (6, ())
    assert model.kinds == ("state", "state", "state", "all", "state", "state")
    mamba, attention, moe = (model.shares[layer] for layer in (0, 3, 1))
    assert mamba < attention * 3 and moe > 10 * mamba, "experts weigh most"
    assert 0.9 < model.expert_share < 0.99


_GROUP = {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}
_SCHEME = {"num_bits": 8, "type": "float", "dynamic": False}

# quantization_config: whether its KV cache is kept in 8 bits
QUANTISED: dict[str, tuple[dict[str, Any], bool]] = {
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, False),
    "gptq": ({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}, False),
    "compressed-tensors": ({"quant_method": "compressed-tensors", "config_groups": _GROUP}, False),
    "compressed-tensors, cache": (
        {"quant_method": "compressed-tensors", "config_groups": _GROUP, "kv_cache_scheme": _SCHEME},
        True,
    ),
    "fp8": ({"quant_method": "fp8", "weight_block_size": [128, 128]}, False),
    "mxfp4": ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, False),
    "nvfp4": ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, True),
    "nvfp4, nested": (
        {"quant_method": "modelopt", "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": None}},
        False,
    ),
    "hf_quant_config": (
        {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}},
        True,
    ),
    "hf_quant_config of another": ({"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}, False),
    "modelopt, scheme by name": ({"quant_method": "modelopt", "kv_cache_scheme": "FP8"}, True),
    "modelopt, scheme": ({"quant_method": "modelopt", "kv_cache_scheme": _SCHEME}, True),
    "bitsandbytes": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, False),
    "gguf": ({"quant_method": "gguf"}, False),
    "none": ({}, False),
    "no mapping": ([1], False),  # type: ignore[dict-item]
}


@pytest.mark.parametrize(("quantised", "in_8bit"), QUANTISED.values(), ids=QUANTISED)
def test_a_quantised_model_may_have_its_cache_in_8_bits(quantised: dict[str, Any], in_8bit: bool) -> None:
    assert cache_in_8bit(quantised) is in_8bit
    config = {"model_type": "qwen3", **own(64, 64, 8, 5120, 40960, head_dim=128), "quantization_config": quantised}
    model = read_architecture(config)
    assert model is not None and model.not_modelled == ()
    for said, bytes_each in ((True, 1 if in_8bit else 2), (False, 2)):
        settings = MemorySettings(utilization=0.92, any_cache=said)
        assert kv_bytes(model, 0, 1000, 1, settings) == 2 * 8 * 128 * 1000 * bytes_each


@pytest.mark.parametrize(
    "said", [{"kv_cache_quant_algo": "NVFP4"}, {"kv_cache_scheme": {"type": "float", "num_bits": 4}}]
)
def test_a_cache_in_4_bits_is_not_taken_for_one_in_16(said: dict[str, Any]) -> None:
    config = {"model_type": "qwen3", **own(64, 64, 8, 5120, 40960, head_dim=128)}
    model = read_architecture({**config, "quantization_config": {"quant_method": "modelopt", **said}})
    assert model is not None and model.misread == ("how much a KV cache in 4 bits (NVFP4) takes is not known here",)


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"dim": 5120, "n_layers": 40, "head_dim": 128, "n_heads": 32, "n_kv_heads": 8}, 40 * 2 * 8 * 128 * 2),
        (
            {"dim": 7168, "n_layers": 61, "n_heads": 128, "n_kv_heads": 128, "hidden_dim": 16384, **_MLA,
             "moe": {"num_experts": 128, "num_shared_experts": 1, "expert_hidden_dim": 4096}},
            61 * 576 * 2,
        ),
    ],
    ids=["Magistral-Small", "Mistral-Large-3"],
)  # fmt: skip
def test_a_model_with_mistrals_own_config_is_read(params: dict[str, Any], kept: int, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(json.dumps({**params, "vocab_size": 131072, "max_seq_len": 40960}))
    (tmp_path / "consolidated.safetensors").write_bytes(b"x" * 100)
    found = from_folder(tmp_path)
    model = read_architecture(found.config)

    assert model is not None and (found.weights, model.length) == (100, 40960)
    assert sum(kv_bytes(model, layer, 1, 1, MemorySettings(0.92)) for layer in range(model.layers)) == kept


def test_mistrals_windows_and_quantisation_are_read(tmp_path: Path) -> None:
    """As in Ministral-8B, whose layers have a window but for every fourth, and Devstral-2."""
    params = {"dim": 4096, "n_layers": 36, "head_dim": 128, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 131072}
    params |= {"sliding_window": [None, 32768, 32768, 32768], "quantization": {"qformat_weight": "fp8_e4m3"}}
    (tmp_path / "params.json").write_text(json.dumps(params))
    model = read_architecture(from_folder(tmp_path).config)
    assert model is not None and model.quantized and (model.not_modelled, model.misread) == ((), ())
    assert model.kinds == ("all", "window", "window", "window") * 9
    assert kv_bytes(model, 1, 131072, 1, MemorySettings(0.92, batched=BATCHED)) == window(1, 8, 128, 32768)


def test_a_file_of_that_name_that_is_something_else_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text('{"lr": 0.1}')
    assert from_folder(tmp_path).problem.endswith("params.json is not a model config")
