"""The feed-forward parts of a model, dense or with experts: their sizes, and what of the weights they are."""

from __future__ import annotations

from collections.abc import Mapping

from provision.parallel.caches import letters
from provision.parallel.keys import EXPERTS, INTERMEDIATE, counts, number

#: Of each expert, where it is not that of a dense part.
_INNER = ("moe_intermediate_size", "expert_ffn_hidden_size")


def shares(text: Mapping[str, object], layers: int, hidden: int, attention: int) -> tuple[float, ...]:
    """By the numbers of weights, roughly: attention, and either a dense feed-forward part or all experts."""
    many = experts(text)
    inner = number(text, INTERMEDIATE) or 4 * hidden
    each = number(text, _INNER) or inner
    dense_first = number(text, ("first_k_dense_replace",))
    step = number(text, ("interleave_moe_layer_step",)) or 1
    own = _each(text, layers, hidden, many * each if many else inner)
    weights = own or [
        2 * attention + 3 * (many * each if many and layer >= dense_first and (layer + 1) % step == 0 else inner)
        for layer in range(layers)
    ]
    total = sum(weights) or layers
    return tuple((weight or 1) / total for weight in weights)


def experts(text: Mapping[str, object]) -> int:
    ffn = text.get("ffn_config")
    return number(text, EXPERTS) or (number(ffn, EXPERTS) if isinstance(ffn, Mapping) else 0)


def dense(text: Mapping[str, object]) -> int:
    """0 where every layer has experts instead."""
    mixed = any(text.get(key) for key in ("first_k_dense_replace", "mlp_only_layers", "decoder_sparse_step"))
    only = text.get("mlp_only_layers") == [] and text.get("decoder_sparse_step") in (None, 0, 1)
    some = mixed and not (only and not text.get("first_k_dense_replace"))
    return number(text, INTERMEDIATE) if some or not experts(text) else 0


def shared(text: Mapping[str, object]) -> int:
    own = number(text, ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"))
    return own or number(text, ("n_shared_experts", "num_shared_experts")) * number(text, ("moe_intermediate_size",))


def expert_inner(text: Mapping[str, object]) -> int:
    """Inner size of one expert; 0 where nothing says it of experts alone."""
    return number(text, _INNER) if experts(text) else 0


def expert_share(text: Mapping[str, object], layers: int, hidden: int, attention: int) -> float:
    """Roughly, by the numbers of weights."""
    many = experts(text)
    each = number(text, _INNER) or number(text, INTERMEDIATE)
    first = min(layers, number(text, ("first_k_dense_replace",)))
    step = number(text, ("interleave_moe_layer_step",)) or 1
    sparse = (layers - first) // step
    if own := _each(text, layers, hidden, many * each) if many else None:
        sparse = letters(text, layers).count("E")
        held = sum(size for size, letter in zip(own, letters(text, layers), strict=False) if letter == "E")
        return held / (sum(own) + sparse * 2 * shared(text)) if held else 0.0
    held = sparse * 3 * many * each
    other = layers * 2 * attention + (layers - sparse) * 3 * number(text, INTERMEDIATE) + sparse * 3 * shared(text)
    return held / (held + other) if held else 0.0


def _each(text: Mapping[str, object], layers: int, hidden: int, inner: int) -> list[int] | None:
    """Weights of each layer, roughly, in numbers per row of its input, where layers differ by a list: of Nemotron-NAS
    and Nemotron-H. None for others."""
    blocks = text.get("block_configs")
    if isinstance(blocks, list) and len(blocks) >= layers:
        return [_block_weights(block, hidden) for block in blocks[:layers]]
    if pattern := letters(text, layers):
        # Experts may work on fewer numbers than a layer passes on.
        narrow = number(text, ("moe_latent_size",)) or hidden
        sizes = {"*": 3 * hidden, "M": 6 * hidden, "E": 2 * inner * narrow // (hidden or 1)}
        return [sizes.get(letter, 2 * inner) for letter in pattern]
    return None


def _block_weights(block: object, hidden: int) -> int:
    said = block if isinstance(block, Mapping) else {}
    attention, ffn = said.get("attention"), said.get("ffn")
    attends = not (isinstance(attention, Mapping) and attention.get("no_op"))
    factor = ffn.get("ffn_mult") if isinstance(ffn, Mapping) and not ffn.get("no_op") else 0
    return int(2 * hidden * attends + 2 * hidden * (factor if counts(factor) else 0))
