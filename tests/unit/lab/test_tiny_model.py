import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from provision.lab.tiny_model import (
    ANSWER,
    ASSISTANT,
    END,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    KV_HEADS,
    LAYERS,
    SENTENCE,
    bpe,
    byte_alphabet,
    spelled,
    write_tiny_model,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def tensors(folder: Path) -> dict[str, tuple[list[int], tuple[float, ...]]]:
    """Name → shape and values, read by the format's definition."""
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    data = content[8 + length :]
    read = {}
    for name, entry in header(folder).items():
        start, end = entry["data_offsets"]
        read[name] = (entry["shape"], struct.unpack(f"<{(end - start) // 2}e", data[start:end]))
    return read


def header(folder: Path) -> dict[str, Any]:
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entries: dict[str, Any] = json.loads(content[8 : 8 + length])
    del entries["__metadata__"]
    return entries


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_tensors_cover_the_file_without_gap_or_overlap(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    at = 0
    for entry in header(folder).values():
        start, end = entry["data_offsets"]
        size = 2
        for extent in entry["shape"]:
            size *= extent
        assert (entry["dtype"], start, end - start) == ("F16", at, size)
        at = end
    assert 8 + length + at == len(content)
    assert length % 8 == 0


def test_the_weights_have_the_shapes_that_the_config_promises(folder: Path) -> None:
    config = read_json(folder / "config.json")
    shapes = {name: entry["shape"] for name, entry in header(folder).items()}

    assert shapes["model.embed_tokens.weight"] == shapes["lm_head.weight"] == [config["vocab_size"], HIDDEN]
    assert shapes["model.norm.weight"] == [HIDDEN]
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        assert shapes[f"{prefix}.self_attn.q_proj.weight"] == [HEADS * HEAD_DIM, HIDDEN]
        assert shapes[f"{prefix}.self_attn.k_proj.weight"] == [KV_HEADS * HEAD_DIM, HIDDEN]
        assert shapes[f"{prefix}.mlp.down_proj.weight"] == [HIDDEN, config["intermediate_size"]]
    assert len(shapes) == 3 + 9 * LAYERS


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(folder: Path, tmp_path: Path) -> None:
    again, other = write_tiny_model(tmp_path / "again"), write_tiny_model(tmp_path / "other", seed=1)

    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()
    assert (other / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()


def test_the_model_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000


def test_the_tokenizer_knows_every_byte_and_every_token_once(folder: Path) -> None:
    tokenizer = read_json(folder / "tokenizer.json")
    vocabulary = tokenizer["model"]["vocab"]

    assert sorted(vocabulary.values()) == list(range(read_json(folder / "config.json")["vocab_size"]))
    assert len(set(byte_alphabet())) == 256
    assert set(byte_alphabet()) <= set(vocabulary)
    for added in tokenizer["added_tokens"]:
        assert vocabulary[added["content"]] == added["id"]


def test_every_merge_joins_two_tokens_into_a_third(folder: Path) -> None:
    model = read_json(folder / "tokenizer.json")["model"]

    for merge in model["merges"]:
        left, right = merge.split(" ")
        assert {left, right, left + right} <= set(model["vocab"])
    assert len(set(model["merges"])) == len(model["merges"])


def test_the_sentence_is_spelled_in_tokens_that_occur_once() -> None:
    vocabulary, _ = bpe()

    assert "".join(SENTENCE) == ANSWER
    assert len(set(SENTENCE)) == len(SENTENCE)
    assert all(spelled(token) in vocabulary for token in SENTENCE)


def test_without_its_layers_the_model_already_says_the_sentence(
    tensors: dict[str, tuple[list[int], tuple[float, ...]]],
) -> None:
    """The output row with the highest score after each token is the next token's, by a wide margin."""
    vocabulary, _ = bpe()
    _, embedding = tensors["model.embed_tokens.weight"]
    _, output = tensors["lm_head.weight"]
    spoken = [vocabulary[token] for token in (ASSISTANT, *map(spelled, SENTENCE), END)]

    for token, following in pairwise(spoken):
        code = embedding[token * HIDDEN : (token + 1) * HIDDEN]
        scores = [
            sum(x * y for x, y in zip(code, output[row * HIDDEN : (row + 1) * HIDDEN], strict=True))
            for row in range(len(vocabulary))
        ]
        best = max(range(len(scores)), key=scores.__getitem__)
        assert best == following
        # At temperature 1, a lead of 20 leaves the others a chance of about e^-20.
        assert scores[best] - max(score for row, score in enumerate(scores) if row != best) > 20


def test_the_chat_template_ends_where_the_sentence_begins(folder: Path) -> None:
    template = read_json(folder / "tokenizer_config.json")["chat_template"]

    assert ASSISTANT in template
    assert read_json(folder / "generation_config.json")["eos_token_id"] == bpe()[0][END]
