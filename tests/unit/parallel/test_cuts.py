"""Which cuts of which models vLLM takes. tests/cluster/test_parallel_agreement.py asks vLLM itself."""

import pytest
from published_configs import CONFIGS

from provision.inventory.models import Serve
from provision.parallel.architecture import Architecture, read_architecture
from provision.parallel.cut import Cut, divides, refusals
from provision.parallel.registry import removed_before
from provision.parallel.settings import cut_of


def model(name: str, **other: object) -> Architecture:
    found = read_architecture({**CONFIGS[name], **other})
    assert found is not None
    return found


def kinds(name: str, cut: Cut, vllm: str = "0.32.0") -> list[str]:
    return [refusal.kind for refusal in refusals(model(name), cut, vllm)]


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("meta-llama/Llama-3.1-70B", [1, 2, 4, 8, 16, 32, 64]),
        ("Qwen/Qwen2-7B", [1, 2, 4, 28]),  # 28 heads, 4 KV heads: 7 and 14 divide the one and not the other
        ("microsoft/phi-4", [1, 2, 5, 10, 20, 40]),
        ("tiiuae/falcon-7b", [1, 71]),
        ("deepseek-ai/DeepSeek-V2-Lite", [1, 2, 4, 8, 16]),
    ],
)
def test_heads_are_given_to_gpus_evenly(name: str, tensors: list[int]) -> None:
    assert [tensor for tensor in range(1, 129) if divides(model(name), tensor)] == tensors


def test_the_refusal_names_what_would_do() -> None:
    (refusal,) = refusals(model("Qwen/Qwen2-7B"), Cut(8, 1))
    assert refusal.said == "its 28 attention heads cannot be divided among tensor_parallel 8"
    assert refusal.hint == "choose `serve.tensor_parallel` from 1, 2, 4"


def test_kv_heads_have_a_reason_of_their_own() -> None:
    (refusal,) = refusals(model("Qwen/Qwen2-7B"), Cut(7, 1))
    assert "its 4 KV heads" in refusal.said


QWEN2_SMALL = {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2}
LLAMA2_MIDDLE = {"hidden_size": 5120, "intermediate_size": 13824, "num_attention_heads": 40, "num_key_value_heads": 40}


@pytest.mark.parametrize(
    ("name", "other", "tensor", "said"),
    [
        ("microsoft/phi-4", {}, 5, "vocabulary, padded to 100352 tokens,"),
        ("Qwen/Qwen2.5-0.5B", QWEN2_SMALL, 6, "vocabulary, padded to 151936 tokens,"),
        ("meta-llama/Llama-2-7b-hf", LLAMA2_MIDDLE, 5, "dense feed-forward size of 13824"),
    ],
)  # fmt: skip
def test_every_gpu_has_an_equal_part_of_each_matrix(name: str, other: dict[str, int], tensor: int, said: str) -> None:
    """Each of these ends in an AssertionError of vLLM 0.32.0 while it makes the layers."""
    found = model(name, **other)
    assert divides(found, tensor)
    refused = [refusal.said for refusal in refusals(found, Cut(tensor, 1))]
    assert refused == [f"its {said} cannot be divided among {tensor} GPUs"]
    assert not refusals(model(name, **other, architectures=["UnheardOfForCausalLM"]), Cut(tensor, 1))


def test_experts_are_cut_among_all_replicas_unless_they_are_left_whole() -> None:
    assert kinds("Qwen/Qwen3-30B-A3B", Cut(4, 1, data=5)) == ["parts"]
    assert kinds("Qwen/Qwen3-30B-A3B", Cut(4, 1, data=3)) == []
    assert kinds("Qwen/Qwen3-30B-A3B", Cut(4, 1, data=5, experts=True)) == []


GLM_V = {
    "architectures": ["Glm4vMoeForConditionalGeneration"],
    "text_config": CONFIGS["zai-org/GLM-4.5-Air"],
    "vision_config": {"num_heads": 12},
}


def test_heads_of_what_sees_images_are_given_to_gpus_evenly_too() -> None:
    found = read_architecture(GLM_V)
    assert found is not None
    (refusal,) = refusals(found, Cut(8, 1), "0.32.0")
    assert refusal.said == "its 12 heads of the vision part cannot be divided among 8 GPUs"
    assert "from 1, 2, 4, or set `mm-encoder-tp-mode: data`" in refusal.hint
    assert not refusals(found, Cut(4, 1), "0.32.0")
    whole = cut_of({}, Serve(model="m", args={"mm_encoder_tp_mode": "data"}), 8, 1)
    assert not refusals(found, whole, "0.32.0") and not refusals(found, Cut(8, 1), "0.40.0")


def test_a_dense_model_whose_class_speaks_of_experts_takes_the_flag() -> None:
    """Of Nemotron-H vLLM asks the class of the config, which has experts."""
    config = {**CONFIGS["meta-llama/Llama-2-7b-hf"], "model_type": "nemotron_h"}
    found = read_architecture(config)
    assert found is not None and not refusals(found, Cut(8, 1, experts=True))


def test_latent_attention_has_no_kv_heads_to_divide() -> None:
    assert not refusals(model("deepseek-ai/DeepSeek-V3"), Cut(16, 2))


def test_a_model_without_stages_is_told_so_for_the_version_that_is_known() -> None:
    assert kinds("google/gemma-3n-E4B", Cut(1, 2)) == ["stages"]
    assert kinds("google/gemma-3n-E4B", Cut(1, 2), "0.40.0") == []
    assert kinds("google/gemma-3n-E4B", Cut(2, 1)) == []


def test_an_architecture_that_vllm_gave_up_names_the_last_release_that_had_it() -> None:
    (refusal,) = refusals(model("mosaicml/mpt-30b"), Cut(1, 1), "0.33.0")
    assert "0.28.0 was the last" in refusal.said
    assert "`vllm==0.28.0`" in refusal.hint
    assert kinds("mosaicml/mpt-30b", Cut(1, 1), "0.20.0") == []


def test_an_architecture_that_came_later_is_known_from_then_on() -> None:
    new = model("meta-llama/Llama-2-7b-hf", architectures=["FlintForCausalLM"])
    assert [refusal.kind for refusal in refusals(new, Cut(1, 1), "0.32.0")] == ["architecture"]
    assert refusals(new, Cut(1, 2), "0.33.0") == []


def test_of_a_vllm_that_is_not_known_nothing_is_said() -> None:
    other = model("meta-llama/Llama-2-7b-hf", architectures=["UnheardOfForCausalLM"])
    assert [refusal.kind for refusal in refusals(other, Cut(1, 1), "0.32.0+cpu")] == ["architecture"]
    assert refusals(other, Cut(1, 1), "0.40.0") == []
    assert refusals(other, Cut(1, 1), "") == []
    assert removed_before("MPTForCausalLM", "a branch of mine") == ""


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("meta-llama/Llama-2-7b-hf", 4096),
        ("meta-llama/Llama-3.1-70B", 131072),  # llama3's factor is in there already
        ("deepseek-ai/deepseek-coder-33b-instruct", 4 * 16384),  # linear: the factor counts
        ("google/gemma-3-4b-it", 131072),  # linear, but scaled already
        ("CohereForAI/c4ai-command-r-v01", 131072),  # model_max_length before all others
        ("databricks/dbrx-base", 32768),
        ("openai-community/gpt2-xl", 1024),
        ("tiiuae/falcon-7b", 2048),  # not in its config, but in its class
    ],
)
def test_a_model_takes_as_many_tokens_as_it_was_made_for(name: str, longest: int) -> None:
    assert kinds(name, Cut(1, 1, longest)) == []
    assert kinds(name, Cut(1, 1, longest + 1)) == ["length"]


def test_vllm_can_be_told_not_to_mind_the_length() -> None:
    assert kinds("meta-llama/Llama-2-7b-hf", Cut(1, 1, 8192, any_length=True)) == []


def test_a_long_rope_serves_its_original_length_unless_told_otherwise() -> None:
    phi = model("microsoft/Phi-3-medium-128k-instruct")
    assert (phi.length, phi.usual_length) == (131072, 4096)


@pytest.mark.parametrize("config", [{}, {"model_type": "llama"}, {"num_hidden_layers": "many"}, {"text_config": []}])
def test_what_is_no_language_model_has_no_numbers(config: dict[str, object]) -> None:
    assert read_architecture(config) is None


def test_what_layers_keep_is_read_from_each_way_of_saying_it() -> None:
    counts = {
        name: (model(name).kinds.count("all"), model(name).kinds.count("window"), model(name).kinds.count("state"))
        for name in (
            "meta-llama/Llama-3.1-70B",
            "mistralai/Mistral-7B-v0.1",
            "google/gemma-3-4b-it",
            "openai/gpt-oss-120b",
            "ai21labs/Jamba-v0.1",
            "Qwen/Qwen3-Next-80B-A3B-Instruct",
            "Qwen/Qwen2-7B",
        )
    }
    assert list(counts.values()) == [
        (80, 0, 0),
        (0, 32, 0),
        (5, 29, 0),
        (18, 18, 0),
        (4, 0, 28),
        (12, 0, 36),
        (28, 0, 0),
    ]
