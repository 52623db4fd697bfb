"""Models of two halves, such as Whisper, BART and T5: their decoder's numbers, in the names that all others use.

Only the decoder keeps a cache: of the tokens it wrote, and in each layer once more of what the encoder read
(`CrossAttentionSpec` in vllm/v1/kv_cache_interface.py).
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
_READS = ("max_source_positions", "max_position_embeddings", "n_positions")


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
