"""Which stages have the table of tokens and the output matrix. Data.

Source: the models of vllm 0.32.0, as they are built for each of three stages. Most have the table in the first stage
and the output matrix in the last.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Every stage has the output matrix too, and reads nothing into it.
_BOTH = frozenset(
    (
        "DbrxForCausalLM", "GPTJForCausalLM", "GptOssForCausalLM", "JambaForCausalLM", "MixtralForCausalLM",
        "NemotronHForCausalLM", "OlmoeForCausalLM", "Qwen2MoeForCausalLM", "Qwen3MoeForCausalLM",
        "Qwen3NextForCausalLM", "Qwen3VLMoeForConditionalGeneration", "StableLmForCausalLM",
    )
)  # fmt: skip
#: Every stage has the table of tokens.
_TABLE = frozenset(
    (
        "BloomForCausalLM", "Cohere2ForCausalLM", "CohereForCausalLM", "FalconForCausalLM", "Gemma2ForCausalLM",
        "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "GemmaForCausalLM", "GraniteMoeForCausalLM",
        "OPTForCausalLM", "Qwen3_5ForConditionalGeneration", "Qwen3_5MoeForConditionalGeneration",
    )
)  # fmt: skip


def has_table(names: Iterable[str], stage: int, stages: int, *, tied: bool) -> bool:
    """Whether this stage has the table of tokens. `tied`: it is the output matrix as well."""
    return stage == 0 or (tied and stage == stages - 1) or not (_BOTH | _TABLE).isdisjoint(names)


def has_output(names: Iterable[str], stage: int, stages: int) -> bool:
    """Whether this stage has an output matrix of its own."""
    return stage == stages - 1 or not _BOTH.isdisjoint(names)
