"""Models whose layers keep what only their config tells, and the verdicts on them; figures worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from published_configs import CONFIGS

from provision.core.wording import GIB
from provision.inventory.models import Serve
from provision.parallel.architecture import Architecture, read_architecture
from provision.parallel.cut import Cut, longest, refusals
from provision.parallel.fit import Fit, fit
from provision.parallel.gpus import memory_of
from provision.parallel.settings import with_overrides
from provision.parallel.size import MemorySettings, Room, kv_bytes, sizes, visible

MODELS = Path(__file__).parent / "models"
SETTINGS = MemorySettings(utilization=0.92)
MILLION = 1048576


def config(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MODELS / f"{name}.json").read_text())
    return loaded


def model(name: str, **other: object) -> Architecture:
    found = read_architecture({**config(name), **other})
    assert found is not None
    return found


def cache(architecture: Architecture, tokens: int, tensor: int = 1) -> float:
    """GiB on each GPU, all layers together."""
    return sum(kv_bytes(architecture, n, tokens, tensor, SETTINGS) for n in range(architecture.layers)) / GIB


@pytest.mark.parametrize(
    ("name", "tokens", "tensor", "gib"),
    [
        ("nemotron-nas-super-49b", 131072, 1, 50 * 2 * 8 * 128 * 2 * 131072 / GIB),  # 50 of 80 layers have attention
        ("nemotron-h-super-120b", MILLION, 1, 8 * 2 * 2 * 128 * 2 * MILLION / GIB),  # 8 of 88
        ("nemotron-h-super-120b", MILLION, 2, 8 * 2 * 1 * 128 * 2 * MILLION / GIB),
        ("kimi-linear-48b", MILLION, 8, 7 * (512 + 64) * 2 * MILLION / GIB),  # 7 of 27, latent
        ("llama-4-maverick-fp8", MILLION, 8, (12 * MILLION + 36 * (8192 + 2048)) * 2 * 1 * 128 * 2 / GIB),
        ("qwen3-4b-fp8", 40960, 1, 36 * 2 * 8 * 128 * 2 * 40960 / GIB),
    ],
)
def test_the_cache_is_counted_where_it_is(name: str, tokens: int, tensor: int, gib: float) -> None:
    assert cache(model(name), tokens, tensor) == pytest.approx(gib, rel=1e-6)


def test_compressed_layers_keep_one_entry_for_many_tokens_and_an_index_of_the_finest() -> None:
    """An entry is 584 bytes, in the layout that vLLM has for this model alone."""
    window, fine, coarse = 128 + 2048, MILLION // 4, MILLION // 128
    expected = 43 * 584 * window + 21 * (584 + 132) * fine + 20 * 584 * coarse
    assert cache(model("deepseek-v4"), MILLION) == pytest.approx(expected / GIB, rel=1e-6)


def test_an_indexer_keeps_its_keys_beside_the_latent_cache() -> None:
    plain = {**CONFIGS["deepseek-ai/DeepSeek-V3"], "model_type": "deepseek_v32"}
    sparse = read_architecture({**plain, "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 64})
    dense = read_architecture(plain)
    assert sparse is not None and dense is not None
    assert cache(sparse, 1000) / cache(dense, 1000) == pytest.approx((576 * 2 + 132) / (576 * 2))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"layer_types": ["full_attention", "sliding_attention"] * 2, "sliding_window": 100,
          "global_head_dim": 512, "num_global_key_value_heads": 1}, 2 * 2 * 512 + 2 * 2 * 4 * 64),
        ({"layer_types": ["full_attention", "linear_attention"] * 2}, 2 * 2 * 4 * 64),
        ({"layer_types": ["full_attention"] * 4, "num_kv_shared_layers": 3}, 2 * 4 * 64),
        ({"layer_types": ["full_attention"] * 4, "per_layer_config": {"1": {"num_key_value_heads": 2, "head_dim": 32}}},
         3 * 2 * 4 * 64 + 2 * 2 * 32),
        ({"block_configs": [{"attention": {"no_op": True}}] * 3 + [{"attention": {"n_heads_in_group": 4}}]},
         2 * 2 * 64),
    ],
)  # fmt: skip
def test_layers_of_every_kind(said: dict[str, Any], expected: int) -> None:
    base = {"num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 64,
            "hidden_size": 512, "max_position_embeddings": 4096}  # fmt: skip
    found = read_architecture({**base, **said})
    assert found is not None and found.not_modelled == ()
    assert sum(kv_bytes(found, layer, 1, 1, SETTINGS) for layer in range(4)) == expected * 2


def test_an_omni_model_is_read_by_the_part_that_writes() -> None:
    text = CONFIGS["Qwen/Qwen3-30B-A3B"]
    omni = {"architectures": ["Qwen3OmniMoeForConditionalGeneration"], "thinker_config": {"text_config": text}}
    assert read_architecture(omni) is not None
    assert read_architecture(omni).layers == text["num_hidden_layers"]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_of_published_configs_no_key_of_the_cache_is_passed_over(name: str) -> None:
    found = read_architecture(CONFIGS[name])
    assert found is not None
    assert found.not_modelled == ()


def fitted(name: str, weights: int, *rooms: Room, vllm: str = "0.32.0", **serve: Any) -> Fit:
    auto = {"tensor_parallel": "auto", "pipeline_parallel": "auto"}
    said = Serve.model_validate({"model": name, **auto, **serve})
    found = read_architecture(with_overrides(config(name), said))
    assert found is not None
    return fit(found, weights, said, rooms, vllm)


H100 = memory_of("H100") or 0


def test_what_is_not_understood_is_never_called_too_small() -> None:
    assert fitted("qwen3-4b-fp8", 500 * GIB, Room("a", 1, H100)).fits is False
    strange = read_architecture({**config("qwen3-4b-fp8"), "novel_kv_folding": 8})
    assert strange is not None and strange.not_modelled == ("novel_kv_folding",)
    serve = Serve.model_validate({"model": "m"})
    unknown = fit(strange, 500 * GIB, serve, (Room("a", 1, H100),))
    assert unknown.fits is None
    assert "novel_kv_folding" in unknown.unknown


def test_without_heads_nothing_is_said_to_fit() -> None:
    found = read_architecture({**config("qwen3-4b-fp8"), "num_attention_heads": None})
    assert found is not None
    assert fit(found, GIB, Serve.model_validate({"model": "m"}), (Room("a", 8, H100),)).fits is None


def test_auto_splits_no_block_of_fp8() -> None:
    found = fitted("qwen3-4b-fp8", 5 * GIB, Room("a", 8, H100), Room("b", 8, H100))
    assert (found.fits, found.cut.tensor, found.cut.pipeline) == (True, 4, 4)
    refused = fitted("qwen3-4b-fp8", 5 * GIB, Room("a", 8, H100), tensor_parallel=8, pipeline_parallel=1)
    assert refused.fits is False
    assert "1216 of its dense feed-forward size" in refused.refused[0]


def test_a_shared_expert_is_in_blocks_too() -> None:
    fp8 = {**CONFIGS["Qwen/Qwen3-Next-80B-A3B-Instruct"], "quantization_config": {"weight_block_size": [128, 128]}}
    found = read_architecture(fp8)
    assert found is not None
    assert [refusal.kind for refusal in refusals(found, Cut(8, 1))] == ["blocks"]
    assert refusals(found, Cut(4, 1)) == []


BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
SPARSE = CONFIGS["Qwen/Qwen3-Next-80B-A3B-Instruct"]


@pytest.mark.parametrize("tensor", [4, 8, 16])
def test_keys_may_end_inside_a_block(tensor: int) -> None:
    """XiaomiMiMo/MiMo-V2-Flash, shortened: vLLM 0.32.0 makes its layers for all of these."""
    said = {
        "model_type": "mimo_v2_flash", "num_hidden_layers": 48, "hidden_size": 4096, "num_attention_heads": 64,
        "num_key_value_heads": 4, "head_dim": 192, "v_head_dim": 128, "intermediate_size": 16384,
        "n_routed_experts": 256, "moe_intermediate_size": 2048, "max_position_embeddings": 262144,
    }  # fmt: skip
    found = read_architecture({**said, "quantization_config": BLOCKS})
    assert found is not None and refusals(found, Cut(tensor, 1)) == []


def test_what_attention_gives_on_is_in_blocks() -> None:
    narrow = {**CONFIGS["Qwen/Qwen2.5-0.5B"], "num_attention_heads": 16, "num_key_value_heads": 16, "hidden_size": 1024}
    found = read_architecture({**narrow, "intermediate_size": 4096, "quantization_config": BLOCKS})
    assert found is not None and refusals(found, Cut(8, 1)) == []
    (refusal,) = refusals(found, Cut(16, 1))
    assert "16 gives each GPU 64 of its attention's output, which is not whole FP8 blocks of 128" in refusal.said


@pytest.mark.parametrize(
    "left_out",
    ["model.layers.1.mlp.shared_expert.down_proj", "model.layers.3.moe.share_expert", "*.mlp.shared_experts.*"],
)
def test_a_shared_expert_that_is_not_quantised_has_no_blocks(left_out: str) -> None:
    said = {**BLOCKS, "modules_to_not_convert": ["lm_head", left_out]}
    found = read_architecture({**SPARSE, "quantization_config": said})
    assert found is not None and refusals(found, Cut(8, 1)) == []
    gate = {**BLOCKS, "modules_to_not_convert": ["lm_head", "model.layers.1.mlp.shared_expert_gate"]}
    found = read_architecture({**SPARSE, "quantization_config": gate})
    assert found is not None and refusals(found, Cut(8, 1)) != []


def test_a_shared_expert_that_each_gpu_has_whole_is_not_cut() -> None:
    found = read_architecture({**SPARSE, "quantization_config": BLOCKS})
    assert found is not None and refusals(found, Cut(8, 1, data=2, experts=True)) == []
    padded = read_architecture({**SPARSE, "model_type": "deepseek_v4", "quantization_config": BLOCKS})
    assert padded is not None and refusals(padded, Cut(8, 1)) == []


def test_replicas_are_counted_once() -> None:
    rooms = (Room("a", 2, H100), Room("b", 2, H100))
    found = fitted("qwen3-4b-fp8", 5 * GIB, *rooms, args={"data_parallel_size": 2})
    assert (found.cut.tensor, found.cut.pipeline, found.cut.data, found.idle) == (2, 1, 2, 0)
    many = fitted(
        "qwen3-4b-fp8", 5 * GIB, *rooms, tensor_parallel=2, pipeline_parallel=2, args={"data-parallel-size": 2}
    )
    assert many.fits is False and "8 GPUs, and there are 4" in many.refused[0]


def test_experts_are_divided_among_all_replicas() -> None:
    rooms = tuple(Room(name, 2, H100) for name in "ab")
    args = {"data-parallel-size": 4, "max-model-len": 262144}
    one = fitted("kimi-linear-48b", 98 * 10**9, *rooms, tensor_parallel=1, pipeline_parallel=1, args=args)
    wide = fitted(
        "kimi-linear-48b", 98 * 10**9, *rooms, tensor_parallel=1, pipeline_parallel=1,
        args={**args, "enable-expert-parallel": True},
    )  # fmt: skip
    many = fitted(
        "kimi-linear-48b", 98 * 10**9, *rooms, tensor_parallel=1, pipeline_parallel=1,
        args={
            **args, "enable-expert-parallel": True, "enable-eplb": True,
            "eplb-config": '{"num_redundant_experts": 128}',
        },
    )  # fmt: skip
    assert one.fits is wide.fits is True
    assert one.stage is not None and wide.stage is not None and many.stage is not None
    assert 22 * GIB < wide.stage.weights == one.stage.weights < 30 * GIB
    assert 1.3 < many.stage.weights / wide.stage.weights < 1.5


@pytest.mark.parametrize(
    ("cut", "kind"),
    [
        (Cut(2, 2, experts=True), ["experts"]),
        (Cut(2, 2, balanced=True), ["experts"]),
        (Cut(2, 2, redundant=4), ["experts"]),
        (Cut(8, 1, decode=8), ["blocks", "context"]),
        (Cut(16, 1, decode=2), ["blocks"]),
    ],
)
def test_what_vllm_refuses_beyond_heads(cut: Cut, kind: list[str]) -> None:
    assert [refusal.kind for refusal in refusals(model("qwen3-4b-fp8"), cut)] == kind


PLAIN = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 32768, "vocab_size": 128256,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": float("nan")}, "hidden_size"),
        ({"layer_types": ["full_attention"] * 10}, "layer_types: not of 32 layers"),
        ({"sliding_window": [4096, None] * 16}, "sliding_window"),
        ({"sliding_window": "4096"}, "sliding_window"),
        ({"num_key_value_heads": 0}, "num_key_value_heads"),
        ({"num_hidden_layers": 32.5}, "num_hidden_layers"),
        ({"max_position_embeddings": float("inf")}, "max_position_embeddings"),
        ({"n_positions": "32768"}, "n_positions"),
        ({"torch_dtype": "float99"}, "torch_dtype: float99"),
        ({"num_key_value_heads": [8] * 31 + [4]}, "num_key_value_heads"),
    ],
)
def test_what_says_nothing_is_no_number_and_blocks_nothing(change: dict[str, object], said: str) -> None:
    read = read_architecture(PLAIN | change)
    assert read is not None
    assert read.not_modelled == (said,)
    serve = Serve(model="m", tensor_parallel=1, pipeline_parallel=1)
    tight = fit(read, 16 * 10**9, serve, (Room("a", 1, 22 * GIB),))
    assert (tight.fits, tight.stage) == (None, None)
    assert said in tight.unknown or said == "hidden_size"
    ample = fit(read, 16 * 10**9, serve, (Room("a", 1, 200 * GIB),))
    assert (ample.fits, ample.stage) == (None, None)


YARN = '{"rope_type": "yarn", "factor": 4.0}'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rope_scaling": "yarn"}, f"`rope_scaling` is `yarn`, expected an object such as `{YARN}`"),
        ({"rope_scaling": {"type": "yarn"}}, "`rope_scaling` is of the kind `yarn` and has no `factor`"),
        ({"rope_scaling": {"type": "linear", "factor": "four"}}, "`rope_scaling.factor` is `four`, expected a number"),
        (
            {"rope_parameters": {"rope_type": "yran", "factor": 4.0}},
            "`yran`, which is not known here; did you mean `yarn`",
        ),
        ({"rope_parameters": {"full": {"rope_type": "linear", "factor": 0}}}, "`rope_parameters.full.factor` is `0`"),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128]}}, "weight_block_size` is `[128]`"),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [0, 128]}}, "such as `[128, 128]`"),
        (
            {"quantization_config": {"quant_method": "fp8", "weight_block_size": "128x128"}},
            "is `128x128`, expected two",
        ),
        ({"quantization_config": "fp8"}, "`quantization_config` is `fp8`, expected an object"),
    ],
)
def test_broken_values_of_a_config_are_named_with_what_was_expected(change: dict[str, object], said: str) -> None:
    read = read_architecture(PLAIN | change)
    assert read is not None
    found = fit(read, 16 * 10**9, Serve(model="m"), (Room("a", 1, 200 * GIB),))
    assert (found.fits, found.stage) == (None, None)
    assert found.unknown.startswith("in its config.json ") and said in found.unknown


@pytest.mark.parametrize(
    "change",
    [
        {"rope_scaling": {"type": "dynamic", "alpha": 1000.0}},
        {"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}},
        {"rope_scaling": {"rope_type": "default"}},
        {"rope_scaling": None},
        {"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}},
        {"quantization_config": {"quant_method": "fp8", "weight_block_size": None}},
    ],
)
def test_sound_values_are_not(change: dict[str, object]) -> None:
    read = read_architecture(PLAIN | change)
    assert read is not None and read.misread == ()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"kv-cache-dtype": "fp7"}, "`kv-cache-dtype` is `fp7`, which is not known here; did you mean `fp8`?"),
        ({"kv_cache_dtype": "nvfp4"}, "how much `kv-cache-dtype: nvfp4` takes is not known here"),
        ({"dtype": "bfloat15"}, "`dtype` is `bfloat15`, which is not known here; did you mean `bfloat16`?"),
        ({"block-size": 0}, "`block-size` is `0`, expected a whole number above 0 such as `16`"),
        ({"max-num-seqs": "many"}, "`max-num-seqs` is `many`, expected a whole number"),
        ({"max-num-batched-tokens": True}, "`max-num-batched-tokens` is `true`, expected a whole number"),
        ({"cpu-offload-gb": "-8"}, "`cpu-offload-gb` is `-8`, expected a number of GiB"),
    ],
)
def test_flags_that_nobody_understands_make_no_sum(args: dict[str, Any], said: str) -> None:
    read = read_architecture(PLAIN)
    assert read is not None
    for memory in (8, 200):
        found = fit(read, 16 * 10**9, Serve(model="m", args=args), (Room("a", 1, memory * GIB),))
        assert (found.fits, found.stage) == (None, None)
        assert said in found.unknown


@pytest.mark.parametrize(("vllm", "tokens"), [("0.19.1", 131072), ("0.29.0", 131072), ("0.30.0", 32768), ("", 32768)])
def test_the_factor_of_yarn_counts_before_0_30(vllm: str, tokens: int) -> None:
    assert longest(model("qwen2.5-yarn"), vllm) == tokens
    assert bool(refusals(model("qwen2.5-yarn"), Cut(8, 1, 131072), vllm)) == (tokens < 131072)


def test_overrides_change_a_part_of_the_config() -> None:
    before = {"text_config": {"a": 1, "b": {"c": 2}}}
    args = {"hf_overrides": '{"text_config": {"b": {"c": 3}}}', "hf-overrides.text_config.d_e": 4}
    serve = Serve.model_validate({"model": "m", "args": args})
    assert with_overrides(before, serve) == {"text_config": {"a": 1, "b": {"c": 3}, "d_e": 4}}


@pytest.mark.parametrize(
    ("name", "seen"), [("H200", 139.72), ("H100", 79.11), ("T4", 14.58), ("L4", 22.05), ("B200", 178.35)]
)
def test_memory_is_what_cuda_gives(name: str, seen: float) -> None:
    assert visible(memory_of(name) or 0) / GIB == pytest.approx(seen, abs=0.15)


@pytest.mark.parametrize(
    "name", ["h100", "NVIDIA H100 80GB HBM3", "A100-SXM4-80GB", "NVIDIA A100 80GB PCIe", "Tesla T4", "GeForce RTX 4090"]
)
def test_a_gpu_is_known_by_what_people_and_nvidia_smi_call_it(name: str) -> None:
    assert memory_of(name)


def test_larger_gpus_take_more_at_once_unless_told_otherwise() -> None:
    found = model("qwen3-4b-fp8")
    small, large = (
        sizes(found, GIB, Cut(1, 1), [Room("a", 1, memory_of(name) or 0)], SETTINGS)[0] for name in ("T4", "B200")
    )
    assert large.most > small.most
    assert large.least == small.least


def test_a_model_for_one_gpu_is_told_so() -> None:
    found = fitted("qwen3-4b-fp8", 5 * GIB, *(Room(str(n), 8, H100) for n in range(4)))
    (other,) = found.alternatives
    assert other.startswith("1 GPU is enough") and "`data-parallel-size: " in other


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_key_value_heads": 64}, "`num_key_value_heads` is `64`, expected a number that divides"),
        ({"num_key_value_heads": 3}, "`num_key_value_heads` is `3`, expected a number that divides"),
        ({"head_dim": "256"}, "`head_dim` is not understood"),
        ({"head_dim": 0}, "`head_dim` is not understood"),
        ({"max_position_embeddings": 0}, "`max_position_embeddings` is not understood"),
        ({"num_experts": "64"}, "`num_experts` is not understood"),
        ({"quantization_config": {"kv_cache_scheme": {"num_bits": 4}}}, "num_bits` is `4`, expected `8`"),
    ],
)
def test_numbers_that_were_passed_over_make_no_sum(change: dict[str, object], said: str) -> None:
    read = read_architecture(PLAIN | change)
    assert read is not None
    found = fit(read, 16 * 10**9, Serve(model="m"), (Room("a", 1, 200 * GIB),))
    assert (found.fits, found.stage) == (None, None) and said in found.unknown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"gpu-memory-utilization": 2}, "`gpu-memory-utilization` is `2`, expected"),
        ({"gpu-memory-utilization": "most"}, "`gpu-memory-utilization` is `most`, expected"),
        ({"max-model-len": "32 k"}, "`max-model-len` is `32 k`, expected"),
        ({"data-parallel-size": 0}, "`data-parallel-size` is `0`, expected"),
        ({"block-size": 16.5}, "`block-size` is `16.5`, expected"),
        ({"hf-overrides": "[1]"}, "`hf-overrides` is `[1]`, expected"),
        (
            {"speculative-config": '{"method": "mtp"}'},
            "does not know what `speculative-config` takes: without, it fits",
        ),
        ({"kv-cache-memory-bytes": 10}, "does not know what `kv-cache-memory-bytes` takes"),
    ],
)
def test_flags_that_were_passed_over_make_no_promise(args: dict[str, Any], said: str) -> None:
    read = read_architecture(PLAIN)
    assert read is not None
    found = fit(read, 16 * 10**9, Serve(model="m", args=args), (Room("a", 1, 200 * GIB),))
    assert found.fits is None and said in found.unknown
