"""The numbers of a model, as its config.json has them: what decides how it can be cut and what it takes.

The names differ between models, and some leave to their class what it says anyway (`defaults`). What is read here is
what vLLM reads: vllm 0.32.0, vllm/transformers_utils/model_arch_config_convertor.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from provision.core.values import dataclass
from provision.parallel.cache_type import cache_in_8bit
from provision.parallel.caches import Cache, Layers, block_heads, caches, indexed
from provision.parallel.defaults import DEFAULTS
from provision.parallel.encoder_decoder import as_decoder
from provision.parallel.feed_forward import dense, expert_inner, expert_share, experts, shared, shares
from provision.parallel.fp8_blocks import block_of, blocks
from provision.parallel.keys import (
    BYTES,
    HEADS,
    HIDDEN,
    INTERMEDIATE,
    KV_HEADS,
    LAYERS,
    LENGTHS,
    counts,
    not_modelled,
    number,
)
from provision.parallel.misread import of_config

#: What a layer keeps of the tokens before: all, those in a window, or nothing that grows.
Kind = Literal["all", "window", "state"]

_TEXT = ("text_config", "llm_config", "language_config")

#: Model types whose attention is latent (MLA) where `kv_lora_rank` is given: `is_deepseek_mla`.
_LATENT = frozenset(
    (
        "axk1", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots3_note", "glm5_next", "glm5_next_text",
        "glm_moe_dsa", "glm4_moe_lite", "kimi_k2", "kimi_linear", "longcat_flash", "pangu_ultra_moe",
        "bailing_hybrid", "hy_v4",
    )
)  # fmt: skip

#: Of these, `max_position_embeddings` is scaled already: `_get_and_verify_max_len` in vllm/config/model.py.
_SCALED = frozenset(("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling"))


@dataclass(frozen=True)
class Architecture:
    """`names`: `architectures` of the config. `latent`: numbers that a layer keeps per token with MLA, 0 without.
    `caches`, `shares`: per layer, what it keeps, and its part of the weights of all layers. `length`: the most tokens
    that it was made for, None where it does not say; `length_key`: the name of that number; `yarn`: the factor by
    which vLLM before 0.30 takes it to be longer. `longer`: the config's `model_max_length`, which vLLM takes for an
    answer too. `usual_length`: what vLLM serves unless told otherwise. `stored_bytes`: of one number in a file that is
    not quantised. `block`: FP8 weights are quantised in blocks of so many rows and columns, (0, 0) if they are not;
    `blocks`: what of them GPUs share by columns, and how many columns it has.
    `experts`: of each layer that has some, 0 for a dense model; `expert_share`: their part of the weights of all
    layers. `dense`, `shared`, `expert_inner`: inner size of the dense feed-forward parts, of the shared experts, and of
    each other one, 0 without. `tower`: heads of the part that sees images, where GPUs share it as they do the rest;
    `whole`: its bytes, where each GPU has all of it.
    `cache_8bit`: its files have scales for a KV cache in 8 bits, which vLLM then keeps unless told otherwise.
    `not_modelled`: keys of the config that tell of attention or cache and are not understood here; `misread`: what is
    no answer there, a sentence each."""

    names: tuple[str, ...]
    model_type: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    vocabulary: int
    intermediate: int
    latent: int
    caches: Layers
    shares: tuple[float, ...]
    tied: bool
    quantized: bool
    length: float | None
    length_key: str
    longer: float | None
    usual_length: int
    stored_bytes: int
    yarn: float = 1.0
    block: tuple[int, int] = (0, 0)
    blocks: tuple[tuple[str, int], ...] = ()
    experts: int = 0
    expert_share: float = 0.0
    dense: int = 0
    shared: int = 0
    expert_inner: int = 0
    tower: int = 0
    whole: int = 0
    cache_8bit: bool = False
    not_modelled: tuple[str, ...] = ()
    misread: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(
            "state" if not parts else "window" if all(part.window for part in parts) else "all" for parts in self.caches
        )

    @property
    def attends(self) -> bool:
        """Whether it has attention at all; a model of states alone has no heads to divide."""
        return any(self.caches)

    @property
    def name(self) -> str:
        return self.names[0] if self.names else ""


def read_architecture(config: Mapping[str, object]) -> Architecture | None:
    """Never raises: None if these are not the numbers of a language model."""
    text = _text_config(config)
    layers = number(text, LAYERS)
    if layers <= 0 or layers > 10_000:
        return None
    heads, hidden = number(text, HEADS), number(text, HIDDEN)
    kv_heads = _kv_heads(text, heads)
    head_dim = number(text, ("attention_head_dim", "head_dim", "hidden_size_per_head")) or (
        hidden // heads if heads else 0
    )
    model_type = str(text.get("model_type", ""))
    if model_type == "minicpm3":  # keys and values are made whole of the latent ones, with the positions' part beside
        head_dim = number(text, ("qk_nope_head_dim",)) + number(text, ("qk_rope_head_dim",)) or head_dim
    latent = number(text, ("kv_lora_rank",)) if model_type in _LATENT else 0
    if model_type in _LATENT and text.get("qk_nope_head_dim") == text.get("qk_rope_head_dim") == 0 and heads:
        head_dim = hidden // heads  # DeepSeek-OCR: plain attention (`use_mha` in deepseek_v2.py)
    latent = latent + number(text, ("qk_rope_head_dim",)) if latent else 0
    kept = caches(text, layers, heads, Cache(0 if latent else kv_heads, head_dim, latent, beside=indexed(text)))
    length, key = _length(text)
    longer = text.get("model_max_length")
    names = config.get("architectures")
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))
    return Architecture(
        names=tuple(map(str, names)) if isinstance(names, list) else (),
        model_type=model_type,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        hidden=hidden,
        vocabulary=number(text, ("vocab_size",)),
        intermediate=number(text, INTERMEDIATE),
        latent=latent,
        caches=kept,
        shares=shares(text, layers, hidden, (heads + kv_heads) * head_dim),
        tied=bool(tied),
        quantized=any(isinstance(c.get("quantization_config"), Mapping) for c in (config, text)),
        length=length,
        length_key=key,
        longer=longer if counts(longer) else None,
        usual_length=_usual(text, length),
        stored_bytes=_stored(text) or _stored(config) or 2,
        yarn=_yarn(text),
        block=block_of(text) or block_of(config) or (0, 0),
        blocks=blocks(config, text, heads * (number(text, ("v_head_dim",)) or head_dim) if not latent else 0),
        experts=experts(text),
        expert_share=expert_share(text, layers, hidden, (heads + kv_heads) * head_dim),
        dense=dense(text),
        shared=shared(text),
        expert_inner=expert_inner(text),
        tower=_tower(config),
        whole=_whole(config),
        cache_8bit=any(cache_in_8bit(c.get("quantization_config")) for c in (config, text)),
        not_modelled=tuple(dict.fromkeys((*_missing(heads, head_dim, kept), *not_modelled(text, layers)))),
        misread=of_config(config, text, layers),
    )


#: Those whose `vision_config` has the heads of a part that GPUs share: clip.py, siglip.py, pixtral.py, glm4_1v.py,
#: qwen2_vl.py, qwen2_5_vl.py, qwen3_vl.py, mllama4.py and lfm2_siglip2.py of vLLM's models.
_WITH_TOWER = frozenset(
    (
        "Gemma3ForConditionalGeneration", "Glm4vForConditionalGeneration", "Glm4vMoeForConditionalGeneration",
        "Lfm2VlForConditionalGeneration", "Llama4ForConditionalGeneration", "LlavaForConditionalGeneration",
        "Mistral3ForConditionalGeneration", "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration",
        "Qwen3VLForConditionalGeneration", "Qwen3VLMoeForConditionalGeneration", "Qwen3_5ForConditionalGeneration",
        "Qwen3_5MoeForConditionalGeneration",
    )
)  # fmt: skip


def _tower(config: Mapping[str, object]) -> int:
    names, vision = config.get("architectures"), config.get("vision_config")
    if not isinstance(names, list) or not isinstance(vision, Mapping) or _WITH_TOWER.isdisjoint(map(str, names)):
        return 0
    return number(vision, ("num_heads", "num_attention_heads"))


def _whole(config: Mapping[str, object]) -> int:
    """Gemma 4 runs what sees images in Transformers' implementation, whole on every GPU (gemma4_mm.py): matrices of
    attention and of a gated feed-forward part, in 16 bits."""
    names, vision = config.get("architectures"), config.get("vision_config")
    if not isinstance(names, list) or "Gemma4ForConditionalGeneration" not in names or not isinstance(vision, Mapping):
        return 0
    hidden, inner = number(vision, HIDDEN), number(vision, INTERMEDIATE)
    return 2 * number(vision, LAYERS) * hidden * (4 * hidden + 3 * inner)


def _missing(heads: int, head_dim: int, kept: Layers) -> tuple[str, ...]:
    """Numbers without which nothing can be said of a cache."""
    if not any(kept):
        return ()
    if not heads:
        return ("num_attention_heads",)
    flat = any(not part.latent and not part.head_dim for layer in kept for part in layer)
    return ("hidden_size",) if flat and not head_dim else ()


def _text_config(config: Mapping[str, object]) -> Mapping[str, object]:
    """The part about language, with what its class says where it says nothing itself."""
    thinker = config.get("thinker_config")  # the part of an Omni model that writes
    whole = thinker if isinstance(thinker, Mapping) else config
    nested = next((part for key in _TEXT if isinstance(part := whole.get(key), Mapping)), None)
    text = whole if nested is None else nested
    kind = text.get("model_type") or config.get("model_type")
    said = {key: value for key, value in text.items() if value is not None}
    usual = DEFAULTS.get(str(kind), {})
    # A number that the config has under another name is no default.
    for names in (LAYERS, HEADS, HIDDEN, KV_HEADS, INTERMEDIATE, LENGTHS):
        if any(name in said for name in names):
            usual = {key: value for key, value in usual.items() if key not in names}
    listed = said.get("layers_block_type")
    if isinstance(listed, list) and not any(name in said for name in LAYERS):
        usual = {**usual, "num_hidden_layers": len(listed)}  # Nemotron-H (configuration_nemotron_h.py of transformers)
    # An explicit null is an answer too: no window, heads that share nothing.
    return as_decoder({**usual, **text, "model_type": kind or ""})


def _kv_heads(text: Mapping[str, object], heads: int) -> int:
    if text.get("multi_query") and not text.get("new_decoder_architecture"):
        return 1
    attention = text.get("attn_config")
    if isinstance(attention, Mapping) and (found := number(attention, ("kv_n_heads",))):
        return found
    if own := block_heads(text, heads):
        return own
    return number(text, KV_HEADS) or heads


def _length(text: Mapping[str, object]) -> tuple[float | None, str]:
    """As `derive_max_model_len_and_key` and `_get_and_verify_max_len`: the smallest of the numbers that it has,
    `model_max_length` before all others, times the factor of its positions (RoPE)."""
    found = {key: value for key in LENGTHS if counts(value := text.get(key))}
    if not found:
        return None, ""
    key = "model_max_length" if "model_max_length" in found else min(found, key=lambda name: found[name])
    length = float(found[key])
    if "gemma3" not in str(text["model_type"]):
        for rope in _ropes(text):
            factor = rope.get("factor")
            if _rope_type(rope) not in _SCALED and counts(factor):
                return length * factor, key
    return length, key


def _ropes(text: Mapping[str, object]) -> list[Mapping[str, object]]:
    """One for all layers, or one for each kind of layer."""
    found = text.get("rope_parameters") or text.get("rope_scaling")
    if not isinstance(found, Mapping):
        return []
    nested = [part for part in found.values() if isinstance(part, Mapping)]
    return nested or [found]


def _rope_type(rope: Mapping[str, object]) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _usual(text: Mapping[str, object], length: float | None) -> int:
    if length is None:
        return 2048
    if any(_rope_type(rope) == "longrope" for rope in _ropes(text)):
        return number(text, ("original_max_position_embeddings",)) or int(length)
    return int(length)


def _yarn(text: Mapping[str, object]) -> float:
    factors = [rope.get("factor") for rope in _ropes(text) if _rope_type(rope) == "yarn"]
    return next((float(factor) for factor in factors if counts(factor) and factor > 1), 1.0)


def _stored(config: Mapping[str, object]) -> int:
    return BYTES.get(str(config.get("dtype") or config.get("torch_dtype") or "").removeprefix("torch."), 0)
