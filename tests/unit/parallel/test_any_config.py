"""Whatever stands in a config.json: never a traceback, and never a verdict on what was not understood."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from published_configs import CONFIGS

from provision.core.wording import GIB
from provision.inventory.models import Serve
from provision.parallel.architecture import read_architecture
from provision.parallel.fit import fit
from provision.parallel.size import Room
from provision.weights.mistral import as_config

ROWS = [json.loads(row) for row in (Path(__file__).parent / "kv_of_vllm.jsonl").read_text().splitlines()]
#: A few of every kind: dense, latent, hybrid, windows, sharing, encoder and decoder.
BASES = [*list(CONFIGS.values())[::4], *(row["config"] for row in ROWS[::6] if "config" in row)]
HOSTS = (Room("gpu-01", 8, 80 * GIB), Room("gpu-02", 8, 80 * GIB))
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3.5, -0.0, float("nan"), float("inf"), 10**30, 10**400, "", "auto", "8", "é\x00", [],
    [None], [[1]], [{"x": 1}], ["full_attention", 3], {}, {"x": {"y": []}}, {"0": None}, {"attention": 5},
)  # fmt: skip


def said_of(config: Any, weights: int = 200 * GIB) -> object:
    model = read_architecture(config)
    if model is None:
        return None
    serve = Serve(model="m", tensor_parallel="auto", pipeline_parallel="auto")
    return fit(model, weights, serve, HOSTS)


def changed(config: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Some keys of it, at any depth, are junk now, or gone, or of another config."""
    found: dict[str, Any] = json.loads(json.dumps(config))
    for _ in range(chance.randint(1, 4)):
        place = found
        while (inner := [v for v in place.values() if isinstance(v, dict) and v]) and chance.random() < 0.5:
            place = chance.choice(inner)
        other = chance.choice(BASES)
        key = chance.choice([*place, *other]) if chance.random() < 0.7 else chance.choice(list(place) or ["x"])
        what = chance.random()
        if what < 0.2:
            place.pop(key, None)
        elif what < 0.4 and key in other:
            place[key] = copy.deepcopy(other[key])
        else:
            place[key] = copy.deepcopy(chance.choice(JUNK))
    return found


@pytest.mark.parametrize("seed", range(10))
def test_any_change_of_a_config_has_an_answer(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        config = changed(chance.choice(BASES), chance)
        try:
            said_of(config)
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error}: {json.dumps(config)}")


@pytest.mark.parametrize("config", JUNK[-8:], ids=repr)
def test_what_is_no_config_is_none(config: Any) -> None:
    assert said_of(config if isinstance(config, dict) else {"num_hidden_layers": config}) is None


LLAMA = CONFIGS["meta-llama/Llama-3.1-405B"]


@pytest.mark.parametrize(
    "keys",
    [
        {"use_cla": True, "cla_share_factor": 2},
        {"kv_cache_sharing": [[0, 1]]},
        {"layer_types": ["full_attention", "novel_attention"] * 63},
        {"attn_window_schedule": [1, 2]},
        {"per_layer_sliding_window": [128] * 126},
        {"hybrid_layer_pattern": [0, 1] * 63},
        {"index_topk": 2048, "index_head_dim": 128, "index_topk_freq": 4},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_what_does_not_fit_by_keys_that_are_not_known_is_not_known(keys: dict[str, Any]) -> None:
    model = read_architecture({**LLAMA, **keys})
    assert model is not None
    whole = Serve(model="m", tensor_parallel=8, pipeline_parallel=2)
    assert fit(model, 2300 * GIB, whole, HOSTS).fits is None, "nothing is claimed of it"
    plain = read_architecture(LLAMA)
    assert plain is not None
    assert fit(plain, 2300 * GIB, whole, HOSTS).fits is False, "without the key, it is certain"


def test_sharing_of_caches_that_is_off_is_nothing_unknown() -> None:
    model = read_architecture({**LLAMA, "use_cla": False, "cla_share_factor": 2})
    assert model is not None
    assert model.not_modelled == ()


def test_no_number_of_layers_fills_the_memory() -> None:
    params = {"dim": 64, "n_layers": 10**16, "n_heads": 4, "vocab_size": 1024, "sliding_window": [None, 4096]}
    assert said_of(as_config(params)) is None
