"""A language model of 1.4 MB, made on the spot: real files that a real vLLM serves, nothing to download.

A Llama of four layers whose embedding and output matrix hold one sentence by heart: each token's output row
is the code of the token before it, and everything between is small noise. So a right answer is known in
advance, and a pipeline stage or tensor slice that went missing or got mixed up is seen in the text.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

#: What the model answers to any chat, greedy or sampled. No token may occur twice: the last one decides the next.
ANSWER = "I am a tiny model, cut across your hosts: each of them worked out one part in this answer."
SENTENCE = (
    *("I", " am", " a", " tiny", " model", ",", " cut", " across", " your", " hosts", ":", " each", " of"),
    *(" them", " worked", " out", " one", " part", " in", " this", " answer", "."),
)

BEGIN, END, SYSTEM, USER, ASSISTANT = SPECIAL = ("<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")

HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS = 128, 256, 4, 4, 2
HEAD_DIM = HIDDEN // HEADS

# The final norm gives a vector of length sqrt(HIDDEN) = 11.3. An output row of length 4 along it scores 45, one
# across it at most about 15 (cosine 0.3 among a few hundred random directions): certain even at temperature 1.
OUTPUT_LENGTH = 4.0
NOISE = 0.02  # Llama's own initializer_range

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

Tensor = tuple[tuple[int, ...], bytes]  # shape, little-endian float16 in row order


def write_tiny_model(folder: Path, *, seed: int = 0) -> Path:
    """Writes the model's six files to `folder`, made if missing; the same seed gives the same bytes.

    Takes about a second. It can be cut by tensor_parallel 1, 2 or 4 and pipeline_parallel 1 to 4, and takes
    2048 tokens. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = bpe()
    texts = {
        "config.json": _config(vocabulary),
        "generation_config.json": {
            "bos_token_id": vocabulary[BEGIN],
            "eos_token_id": vocabulary[END],
            "pad_token_id": vocabulary[END],
        },
        "tokenizer.json": _tokenizer(vocabulary, merges),
        "tokenizer_config.json": _tokenizer_config(vocabulary),
        "special_tokens_map.json": {"bos_token": BEGIN, "eos_token": END, "pad_token": END},
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(dict(_tensors(vocabulary, random.Random(seed)))))
    return folder


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in a byte-level BPE, by byte (GPT-2's table)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary (token → id) and merges in order: special tokens, all bytes, the sentence's words grown
    letter by letter."""
    alphabet = byte_alphabet()
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *alphabet))}
    merges: dict[tuple[str, str], None] = {}
    for word in SENTENCE:
        letters = spelled(word)
        for end in range(1, len(letters)):
            merges[letters[:end], letters[end]] = None
            vocabulary.setdefault(letters[: end + 1], len(vocabulary))
    return vocabulary, list(merges)


def spelled(text: str) -> str:
    """`text` in the byte alphabet: what a token of it is called in the vocabulary."""
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in text.encode())


def safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """The tensors as one safetensors file: length of the header, header in JSON, data without gaps."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format asks for data aligned to 8 bytes
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())


def _half(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}e", *values)


def _tensors(vocabulary: Mapping[str, int], rng: random.Random) -> Iterator[tuple[str, Tensor]]:
    codes = [_direction(rng) for _ in vocabulary]
    scale = HIDDEN**0.5  # entries of size 1, so that the layers' noise stays small beside them
    yield (
        "model.embed_tokens.weight",
        ((len(codes), HIDDEN), b"".join(_half([scale * x for x in code]) for code in codes)),
    )
    for layer in range(LAYERS):
        for name, shape in _LAYER.items():
            yield f"model.layers.{layer}.{name}.weight", (shape, _layer_weights(shape, rng))
    yield "model.norm.weight", ((HIDDEN,), _half([1.0] * HIDDEN))

    spoken = [vocabulary[token] for token in (ASSISTANT, *map(spelled, SENTENCE), END)]
    before = dict(zip(spoken[1:], spoken[:-1], strict=True))
    rows = (
        [OUTPUT_LENGTH * x for x in codes[before[token]]]
        if token in before
        else [NOISE * rng.gauss(0, 1) for _ in range(HIDDEN)]
        for token in range(len(codes))
    )
    yield "lm_head.weight", ((len(codes), HIDDEN), b"".join(map(_half, rows)))


def _direction(rng: random.Random) -> list[float]:
    vector = [rng.gauss(0, 1) for _ in range(HIDDEN)]
    length = sum(x * x for x in vector) ** 0.5
    return [x / length for x in vector]


def _layer_weights(shape: tuple[int, ...], rng: random.Random) -> bytes:
    if len(shape) == 1:
        return _half([1.0] * shape[0])
    return _half([rng.gauss(0, NOISE) for _ in range(shape[0] * shape[1])])


_LAYER: dict[str, tuple[int, ...]] = {
    "input_layernorm": (HIDDEN,),
    "self_attn.q_proj": (HEADS * HEAD_DIM, HIDDEN),
    "self_attn.k_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
    "self_attn.v_proj": (KV_HEADS * HEAD_DIM, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HEADS * HEAD_DIM),
    "post_attention_layernorm": (HIDDEN,),
    "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
    "mlp.up_proj": (INTERMEDIATE, HIDDEN),
    "mlp.down_proj": (HIDDEN, INTERMEDIATE),
}


def _config(vocabulary: Mapping[str, int]) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "vocab_size": len(vocabulary),
        "max_position_embeddings": 2048,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "initializer_range": NOISE,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "use_cache": True,
        "torch_dtype": "float16",
        "bos_token_id": vocabulary[BEGIN],
        "eos_token_id": vocabulary[END],
    }


def _tokenizer(vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> dict[str, object]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[token], **_added(token)} for token in SPECIAL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(vocabulary),
            "merges": [" ".join(pair) for pair in merges],
        },
    }


def _tokenizer_config(vocabulary: Mapping[str, int]) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": {str(vocabulary[token]): _added(token) for token in SPECIAL},
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": END,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
        "chat_template": CHAT_TEMPLATE,
    }


def _added(token: str) -> dict[str, object]:
    return {
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
