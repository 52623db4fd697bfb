"""What each layer keeps of a token, and what one request of the full length takes: as vLLM's own specs say.

`kv_of_vllm.jsonl` was made by `tests/cluster/ask_vllm_for_caches.py`, of vLLM 0.32.0: the specs that the models of
each config build, without weights, at 16 bits, one GPU and 2048 tokens at once. A row has `kept`, how many layers keep
how many bytes of a token (with a window, one of an `encoder`, or in a `chunk`), and `request`: the length, the bytes of
one request of that length, and those of one block of every layer. States of Mamba and its like are in neither.

The configs are the published ones of `published_configs.py` and `models/`, and those that the classes of transformers
5.19.0 and vLLM make by themselves; `bare`: without the lists of layers, which many published configs leave to their
class.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from published_configs import CONFIGS

from provision.parallel.architecture import Architecture, read_architecture
from provision.parallel.size import MemorySettings, kv_bytes

HERE = Path(__file__).parent
ROWS: dict[str, dict[str, Any]] = {
    row["name"]: row for row in map(json.loads, (HERE / "kv_of_vllm.jsonl").read_text().splitlines())
}
SETTINGS = MemorySettings(utilization=0.92, batched=2048)


def config(name: str) -> dict[str, Any]:
    if "config" in ROWS[name]:
        found: dict[str, Any] = ROWS[name]["config"]
    elif name.startswith("models/"):
        found = json.loads((HERE / f"{name}.json").read_text())
    else:
        found = CONFIGS[name]
    return {key: value for key, value in found.items() if key != "quantization_config"}


def model(name: str) -> Architecture:
    found = read_architecture(config(name))
    assert found is not None
    return found


def kept(architecture: Architecture) -> Counter[tuple[float, int | str]]:
    """Bytes of a token, and of which tokens: how many layers. An indexer's cache is counted apart, as vLLM does."""
    found: Counter[tuple[float, int | str]] = Counter()
    for part in (part for layer in architecture.caches for part in layer):
        tokens = "encoder" if part.encoder else part.window
        found[(part.latent or 2 * part.kv_heads * part.head_dim) * 2 / part.every, tokens] += 1
        if part.beside:
            found[part.beside / part.every, tokens] += 1
    return found


@pytest.mark.parametrize("name", ROWS)
def test_each_layer_keeps_what_vllm_says(name: str) -> None:
    found = model(name)
    mine = kept(found)
    for count, size, tokens in ROWS[name]["kept"]:
        # Cohere's window is one token more than its config says; a chunk's size is in the config alone.
        same = [key for key in mine if key[0] == size and _same(tokens, key[1])]
        assert sum(mine.pop(key) for key in same) == count, (size, tokens, kept(found))
    assert not mine


def _same(theirs: int | str, mine: int | str) -> bool:
    if isinstance(mine, str) or theirs == "encoder":
        return theirs == mine
    return mine > 0 if theirs == "chunk" else theirs == mine or (mine > 0 and theirs == mine + 1)


@pytest.mark.parametrize("name", ROWS)
def test_a_request_takes_what_vllm_says_to_a_block(name: str) -> None:
    """vLLM counts whole blocks, and with a window one more."""
    found = model(name)
    length, request, block = ROWS[name]["request"]
    mine = sum(kv_bytes(found, layer, length, 1, SETTINGS) for layer in range(found.layers))
    assert request - 2 * block <= mine <= request


@pytest.mark.parametrize("name", ROWS)
def test_nothing_in_these_configs_is_called_unknown(name: str) -> None:
    assert model(name).not_modelled == ()


def test_there_are_enough_of_every_kind_for_this_to_mean_something() -> None:
    tokens = [kind for row in ROWS.values() for _, _, kind in row["kept"]]
    assert len(ROWS) >= 200
    assert sum("config" not in row for row in ROWS.values()) >= 60, "published ones"
    assert tokens.count("encoder") >= 1 and tokens.count("chunk") >= 3
    assert sum(isinstance(kind, int) and kind > 0 for kind in tokens) >= 30
