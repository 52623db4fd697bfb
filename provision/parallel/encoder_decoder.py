"""Models with an encoder. Of two halves, such as Whisper, BART and T5: their decoder's numbers, in the names that all
others use.

Only the decoder keeps a cache: of the tokens it wrote, and in each layer once more of what the encoder read
(`CrossAttentionSpec` in vllm/v1/kv_cache_interface.py). A model that is nothing but an encoder, for embeddings and
rankings, keeps none (`EncoderOnlyAttention`).
"""

from __future__ import annotations

from collections.abc import Mapping

#: How many tokens an encoder reads at most; a name of our own, which no config has.
ENCODER_TOKENS = "provision:encoder_tokens"

#: The usual name, and those that these models have for it.
_DECODER = {
    "num_hidden_layers": ("decoder_layers", "num_decoder_layers", "n_text_layer", "num_layers"),
    "num_attention_heads": ("decoder_attention_heads", "num_heads"),
    "num_key_value_heads": ("decoder_num_key_value_heads",),
    "hidden_size": ("d_model",),
    "head_dim": ("d_kv",),
    "intermediate_size": ("decoder_ffn_dim", "d_ff"),
}
#: Types of models that are nothing but an encoder (bert.py, bert_with_rope.py and modernbert.py of vLLM's models).
_ENCODERS = frozenset(
    (
        "bert", "camembert", "distilbert", "electra", "gte", "jina_bert", "modernbert", "mpnet", "new", "nomic_bert",
        "roberta", "snowflake_arctic_embed", "xlm-roberta", "xlm-roberta-flash",
    )
)  # fmt: skip

_READS = ("max_source_positions", "max_position_embeddings", "n_positions")


def only_encodes(text: Mapping[str, object]) -> bool:
    """Also a language model whose attention sees what comes after."""
    kind = str(text.get("model_type"))
    # `Gemma3TextModelConfig` in vllm/model_executor/models/config.py; PaliGemma says so, and keeps a cache.
    both_ways = kind == "gemma3_text" and text.get("use_bidirectional_attention") is True
    return both_ways or text.get("is_causal") is False or kind in _ENCODERS


def as_decoder(text: Mapping[str, object]) -> Mapping[str, object]:
    """With the usual names on top, if it has an encoder and a decoder; any other config as it is."""
    both = text.get("is_encoder_decoder") is True or ("decoder_layers" in text and "encoder_layers" in text)
    if not both:
        return text
    # `num_hidden_layers` of these classes is what the encoder has.
    said = {usual: text[name] for usual, names in _DECODER.items() if (name := _first(text, names))}
    reads = _first(text, _READS)
    return {**text, **said, **({ENCODER_TOKENS: text[reads]} if reads else {})}


def _first(text: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((name for name in names if text.get(name) is not None), "")
