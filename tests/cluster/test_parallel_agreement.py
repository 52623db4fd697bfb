"""What provision says of a cut before it contacts a GPU, and what the installed vLLM says: the same, of every model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster
from published_configs import CONFIGS

from provision.parallel.architecture import Architecture, read_architecture
from provision.parallel.cut import Cut, refusals
from provision.parallel.registry import KNOWN, LENT, READ_FROM, REMOVED
from provision.parallel.size import layers_of

HERE = Path(__file__).parent
#: Models for pictures need torchvision even to be looked at, and the lab's environment has none: their language alone.
TEXT = {"Llama4ForConditionalGeneration": "Llama4ForCausalLM", "Gemma3ForConditionalGeneration": "Gemma3ForCausalLM"}
MADE_UP = {"nobody/heard-of": {**CONFIGS["meta-llama/Llama-2-7b-hf"], "architectures": ["UnheardOfForCausalLM"]}}
CUTS = [(tensor, pipeline) for tensor in (*range(1, 9), 10, 16, 32) for pipeline in (1, 2, 3)]


def as_text(config: dict[str, Any]) -> dict[str, Any]:
    alone = TEXT.get(config["architectures"][0])
    return {**config["text_config"], "architectures": [alone]} if alone else config


MODELS = {name: as_text(config) for name, config in (CONFIGS | MADE_UP).items()}


def architecture(name: str) -> Architecture:
    found = read_architecture(MODELS[name])
    assert found is not None
    return found


def lengths(name: str) -> list[int]:
    """Around what the model was made for."""
    length = int(architecture(name).length or 2048)
    return [256, length, length + 1, 4 * length]


@pytest.fixture(scope="module")
def vllm(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Its answers, from a lab host that has it."""
    layer = tmp_path_factory.mktemp("asked")
    asked = {"models": MODELS, "cuts": CUTS, "lengths": {name: lengths(name) for name in MODELS}}
    (layer / "asked.json").write_text(json.dumps(asked))
    (layer / "ask_vllm.py").write_text((HERE / "ask_vllm.py").read_text())
    cluster = make_cluster("test-parallel", hosts=1, gpus=0, init="sshd", stack={"model": "/m"}, layers=(layer,))
    python = 'exec /home/ops/.provision/envs/*/bin/python "$@"'
    done = cluster.host("lab-1").exec(["sh", "-c", python, "-", "/ask_vllm.py", "/asked.json"], timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ours(name: str, cut: Cut) -> bool:
    """FP8 blocks and uneven parts are refused where the layers are made, which is not asked here."""
    return any(refusal.kind not in ("blocks", "parts") for refusal in refusals(architecture(name), cut, READ_FROM))


@pytest.mark.parametrize("name", MODELS)
def test_every_cut_is_refused_by_both_or_by_neither(vllm: dict[str, Any], name: str) -> None:
    said = {(t, p): vllm["cuts"][name][f"{t}x{p}"] for t, p in CUTS}
    assert {cut: bool(reason) for cut, reason in said.items()} == {cut: ours(name, Cut(*cut)) for cut in CUTS}, said


@pytest.mark.parametrize("name", MODELS)
def test_every_length_is_refused_by_both_or_by_neither(vllm: dict[str, Any], name: str) -> None:
    if name not in vllm["lengths"]:
        assert ours(name, Cut(1, 1)), "vLLM refuses the model, whatever its length"
        return
    said = {int(tokens): reason for tokens, reason in vllm["lengths"][name].items()}
    mine = {tokens: ours(name, Cut(1, 1, tokens)) for tokens in said}
    assert {tokens: bool(reason) for tokens, reason in said.items()} == mine, said


@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_behind_it_are_the_same(vllm: dict[str, Any], name: str) -> None:
    if name not in vllm["sizes"]:
        return
    model = architecture(name)
    assert vllm["sizes"][name] == {
        "layers": model.layers,
        "heads": model.heads,
        "kv_heads": model.kv_heads,
        "head_dim": model.latent or model.head_dim,
        "usual_length": model.usual_length,
        "stages": [list(layers_of(model.layers, stages)) for stages in (2, 3, 4, 5, 8)],
    }


def test_both_refuse_and_accept_often_enough_for_this_to_mean_something(vllm: dict[str, Any]) -> None:
    reasons = [bool(reason) for said in vllm["cuts"].values() for reason in said.values()]
    assert len(vllm["sizes"]) >= 50
    assert reasons.count(True) > 300
    assert reasons.count(False) > 600


def test_the_architectures_are_those_that_vllm_lists(vllm: dict[str, Any]) -> None:
    listed = {name for name in vllm["known"] if not name.startswith("Transformers")}
    assert listed == KNOWN
    assert not (KNOWN & LENT)
    assert not (KNOWN & set(REMOVED))
