"""What vLLM must divide evenly among the GPUs of a stage beside heads: it makes no layers where something is left over.

Source: vllm 0.32.0, `divide` in vllm/distributed/utils.py, `VocabParallelEmbedding` and `MergedColumnParallelLinear` in
vllm/model_executor/layers, `FusedMoEConfig` in vllm/model_executor/layers/fused_moe/config.py.
"""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from provision.parallel.architecture import Architecture
from provision.parallel.registry import KNOWN, READ_FROM

#: Rows of the table of tokens are a multiple of this (`DEFAULT_VOCAB_PADDING_SIZE`).
_PADDED = 64

#: Their feed-forward parts are of another size than their configs say, or are whole on every GPU.
_OTHER_SIZES = frozenset(
    (
        "Gemma3nForCausalLM", "Gemma3nForConditionalGeneration", "GPTBigCodeForCausalLM", "Lfm2ForCausalLM",
        "Lfm2MoeForCausalLM", "Lfm2VlForConditionalGeneration", "Zamba2ForCausalLM",
    )
)  # fmt: skip


def shares_tower(vllm: str) -> bool:
    """Whether this version is known to share what sees images among the GPUs of a stage, whatever its heads: some
    models of 0.32 have that part whole where the heads do not divide (`is_vit_use_data_parallel`), and later versions
    may have it in more of them."""
    try:
        return Version(vllm) <= Version(READ_FROM) or vllm.partition("+")[0] == READ_FROM
    except InvalidVersion:
        return False


def left_over(model: Architecture, tensor: int, experts_among: int, tower_among: int) -> tuple[str, int] | None:
    """What cannot be divided, and among how many GPUs. `experts_among`: those that have parts of each expert;
    `tower_among`: those that share what sees images."""
    if not any(name in KNOWN for name in model.names):
        return None
    padded = -(-model.vocabulary // _PADDED) * _PADDED
    dense = 0 if any(name in _OTHER_SIZES for name in model.names) else model.dense
    found = (
        (f"vocabulary, padded to {padded} tokens,", padded, tensor),
        (f"dense feed-forward size of {dense}", dense, tensor),
        (f"expert size of {model.expert_inner}", model.expert_inner, experts_among),
        (f"{model.tower} heads of the vision part", model.tower, tower_among),
    )
    return next(((what, among) for what, size, among in found if size % among), None)
