"""The config of a model's folder, as the facts script sends it along: one line, and no more than 1 MiB of it."""

import json
import subprocess
from pathlib import Path

import pytest

from provision.facts import read_facts
from provision.payload.bundle import shell

CONFIG = {"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 4}
FILES = "5000 ./model-00001-of-00002.safetensors\n4000 ./model-00002-of-00002.safetensors\n700 ./config.json\n"


def facts(config: str, files: str = FILES + "end=0\n") -> str:
    return f"@model\npath=/models/llama\nthere=yes\n@config\n{config}\n@files\n{files}@values\nhostname=gpu-01\n"


def test_config_and_weights_of_the_folder_are_facts() -> None:
    folder = read_facts(facts(json.dumps(CONFIG))).model
    assert folder is not None
    assert folder.config == CONFIG
    assert folder.weights_bytes == 9000
    assert folder.bytes == 9700


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"a": ' + "[" * 100_000, json.dumps(CONFIG)[:-3]])
def test_what_is_no_config_or_was_cut_off_is_none(text: str) -> None:
    folder = read_facts(facts(text)).model
    assert folder is not None
    assert folder.config == {}


def test_weights_that_were_not_all_seen_are_not_counted() -> None:
    folder = read_facts(facts(json.dumps(CONFIG), FILES + "end=124\n")).model
    assert folder is not None
    assert folder.weights_bytes == 0


def test_parts_that_are_not_there_are_named_and_nothing_is_counted() -> None:
    listed = FILES.replace("5000 ./model-00001-of-00002.safetensors\n", "")
    folder = read_facts(facts(json.dumps(CONFIG), listed + "end=0\n")).model
    assert folder is not None
    assert (folder.weights_bytes, folder.missing) == (0, ("model-00001-of-00002.safetensors",))
    part = read_facts(facts(json.dumps(CONFIG), listed + "end=124\n")).model
    assert part is not None
    assert part.missing == ()


def asked(folder: Path) -> str:
    """What a host prints of it."""
    begin = f"model={folder} uid=1000 newline='\n'\n"
    done = subprocess.run(["sh", "-c", begin + shell("facts/model.sh")], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_host_tells_a_long_config_and_how_weights_are_stored_that_stands_beside_it(tmp_path: Path) -> None:
    config = {**CONFIG, "ignore": ["model.layers.0.mlp.gate"] * 3000}
    beside = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    (tmp_path / "config.json").write_text(json.dumps(config, indent=1))
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside, indent=1))
    folder = read_facts(asked(tmp_path)).model
    assert folder is not None and not folder.unread
    assert folder.config == {**config, "quantization_config": beside}
    own = {**config, "quantization_config": {"quant_method": "fp8"}}
    (tmp_path / "config.json").write_text(json.dumps(own))
    folder = read_facts(asked(tmp_path)).model
    assert folder is not None and folder.config == own


def test_a_config_longer_than_what_is_read_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "ignore": "x" * (1 << 20)}))
    folder = read_facts(asked(tmp_path)).model
    assert folder is not None and (folder.config, folder.unread) == ({}, True)
