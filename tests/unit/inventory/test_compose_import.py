"""What a compose guide keeps becomes an inventory, and nothing of it is dropped without a word."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import provision
from provision.cli.group import provision as program
from provision.inventory.compose_import import ImportedInventory, imported
from provision.inventory.compose_table import VARIABLES

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz0123456789"
NODE1 = f"""\
# the guide's first node
HF_TOKEN={TOKEN}
MODEL_NAME="meta-llama/Llama-3.1-70B-Instruct"
MODEL_CACHE_DIR=./models
VLLM_PORT=8001
MAX_MODEL_LEN=4096   # tokens
TENSOR_PARALLEL_SIZE=2
PIPELINE_PARALLEL_SIZE=2
VLLM_STARTUP_DELAY=60
"""
NODE2 = f"HF_TOKEN={TOKEN}\nRAY_HEAD_IP=10.15.105.105\nMODEL_CACHE_DIR=./models\n"
COMPOSE = """\
services:
  ray-head:
    image: vllm/vllm-openai:v0.33.0
    network_mode: host
    environment:
      - HF_TOKEN=${HF_TOKEN}
      - NCCL_DEBUG=INFO
    command: ray start --head --port=6400 --dashboard-host=0.0.0.0 --num-cpus=4 --block
    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}
  vllm-server:
    image: vllm/vllm-openai:v0.33.0
    volumes: [./models:/root/.cache/huggingface]
    entrypoint: ["/bin/bash", "-c"]
    command:
      - sleep ${VLLM_STARTUP_DELAY:-60} && vllm serve ${MODEL_NAME} --gpu-memory-utilization 0.9
        --api-key ${API_KEY:-sk-not-for-others-000000} --trust-remote-code --host 0.0.0.0
    x-own: 1
volumes: {cache: {}}
"""


def files(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    return [folder / name.replace("_", ".") for name in texts]


def load(made: ImportedInventory, folder: Path) -> provision.Inventory:
    path = folder / "inventory.yaml"
    path.write_text(made.text)
    return provision.load(path, require_secrets=False)


def test_the_variables_of_both_nodes(tmp_path: Path) -> None:
    made = imported(files(tmp_path, node1_env=NODE1, node2_env=NODE2), cluster="llama", workers=["10.15.105.106"])
    inventory = load(made, tmp_path)
    assert [(host.address, host.role) for host in inventory.hosts] == [
        ("10.15.105.105", "head"),
        ("10.15.105.106", "worker"),
    ]
    serve = inventory.serve
    assert serve is not None and serve.model == "meta-llama/Llama-3.1-70B-Instruct"
    assert (serve.port, serve.tensor_parallel, serve.pipeline_parallel) == (8001, 2, 2)
    assert serve.args == {"max-model-len": 4096}
    assert inventory.head.expect.gpus == 2
    assert inventory.secrets["HF_TOKEN"].env == "HF_TOKEN" and TOKEN not in made.text
    assert TOKEN not in json.dumps([made.mapped, made.unmapped])


def test_each_variable_is_told_as_found_or_as_not_in_it(tmp_path: Path) -> None:
    text = NODE1 + NODE2 + "MY_OWN=1\nno assignment\nVLLM_PORT=9000\n"
    made = imported(files(tmp_path, a_env=text), cluster="llama")
    told = "\n".join([*made.mapped, *made.unmapped])
    names = {line.partition("=")[0] for line in text.splitlines() if "=" in line and not line.startswith("#")}
    assert not [name for name in names if name not in told]
    assert "a.env: MY_OWN: nothing of an inventory is called so" in made.unmapped
    assert any("the line is no `NAME=value`" in line for line in made.unmapped)
    assert any("`VLLM_PORT` has had another value before" in line for line in made.unmapped)
    assert any(line.startswith("a.env: VLLM_STARTUP_DELAY: vLLM starts once all members") for line in made.unmapped)
    assert "the address of worker-1 is in no file: write it, or `--worker ADDRESS`" in made.unmapped


def test_a_compose_file_with_the_variables_of_its_env(tmp_path: Path) -> None:
    made = imported(files(tmp_path, x_env=NODE1, compose_yaml=COMPOSE), cluster="llama", head="10.0.0.1")
    inventory = load(made, tmp_path)
    assert inventory.python.packages == ("vllm==0.33.0", "ray[default]")
    assert inventory.ray.port == 6400 and inventory.ray.args == {"num-cpus": 4}
    assert inventory.ray.env == {"NCCL_DEBUG": "INFO"}
    serve = inventory.serve
    assert serve is not None
    assert serve.args == {"gpu-memory-utilization": 0.9, "trust-remote-code": True, "max-model-len": 4096}
    assert set(inventory.secrets) == {"VLLM_API_KEY", "HF_TOKEN"} and "sk-not" not in made.text
    told = "\n".join(made.unmapped)
    for word in ("network_mode", "volumes", "x-own", "--host", "--dashboard-host", "deploy", "sleep"):
        assert word in told, word


def test_of_one_command_that_does_several_things_each_is_read(tmp_path: Path) -> None:
    text = """\
services:
  head:
    image: rayproject/ray:latest-gpu
    command: >
      bash -c "ray start --head --port=6400; until ray status; do sleep 5; done; vllm serve ${MODEL} --port 9000"
"""
    made = imported(files(tmp_path, a_env="NAME=m\nMODEL=org/${NAME}\n", b_yaml=text), cluster="llama")
    inventory = load(made, tmp_path)
    assert inventory.ray.port == 6400
    assert inventory.serve is not None and (inventory.serve.model, inventory.serve.port) == ("org/m", 9000)
    told = "\n".join(made.unmapped)
    assert "it runs `until`" in told and "it runs `do`" in told
    assert "image `rayproject/ray:latest-gpu`: its name has no version" in told


def test_what_no_setting_takes_is_said_and_not_written(tmp_path: Path) -> None:
    text = "MODEL_NAME=m\nNCCL_SOCKET_IFNAME=^lo,docker0\nPIPELINE_PARALLEL_SIZE=4\nVLLM_PORT=many\n"
    made = imported(files(tmp_path, a_env=text), cluster="llama", head="10.0.0.1", workers=["10.0.0.2"])
    load(made, tmp_path)
    told = "\n".join(made.unmapped)
    assert "a.env: NCCL_SOCKET_IFNAME: `^lo,docker0` should be the name of one interface" in told
    assert "2 hosts are given, and the model is cut into 4 stages" in told
    assert "a.env: VLLM_PORT: `many` should be a number" in told


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda one: one.name)
def test_each_of_the_table_does_what_the_table_says(variable: object, tmp_path: Path) -> None:
    name, key = variable.name, variable.key  # type: ignore[attr-defined]
    value = "2" if variable.number else "eth7"  # type: ignore[attr-defined]
    text = f"{name}={value}\n" + ("" if name == "MODEL_NAME" else "MODEL_NAME=m\n")
    made = imported(files(tmp_path, a_env=text), cluster="llama")
    assert (f"a.env: {name} → {key}" in made.mapped) == bool(key)
    assert key or any(line.startswith(f"a.env: {name}: ") for line in made.unmapped)
    load(made, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("services: [", "this is not YAML"), ("a: 1\n", "has no `services`"), ("- a\n", "has no `services`")],
)
def test_what_is_no_compose_file_is_said(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(provision.UsageError) as caught:
        imported(files(tmp_path, a_yaml=text), cluster="llama")
    assert said in caught.value.message


def test_the_command_writes_it_once_and_says_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files(tmp_path, a_env=NODE1 + NODE2)
    words = ["import", "a.env", "--out", "b.yaml", "--cluster", "llama", "--worker", "10.0.0.2"]
    first = CliRunner().invoke(program, words)
    assert first.exit_code == 0, first.output
    assert "a.env: MODEL_NAME → serve.model" in first.output and "not in it: a.env: MODEL_CACHE_DIR" in first.output
    again = CliRunner().invoke(program, words)
    assert again.exit_code == 2
    (tmp_path / "b.yaml").unlink()
    shown = CliRunner().invoke(program, [*words, "--json"])
    line = json.loads(shown.output.splitlines()[-1])
    assert (line["event"], line["path"]) == ("import", "b.yaml") and line["unmapped"]


def _imported(tmp_path: Path, name: str, text: str) -> ImportedInventory:
    (tmp_path / name).write_text(text)
    return imported([tmp_path / name], cluster="c")


def test_a_few_anchors_are_not_billions_of_values(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for last, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    with pytest.raises(provision.ProvisionError, match="too much by its anchors"):
        _imported(tmp_path, "b.yaml", "\n".join([*lines, "services: {z: {command: *i}}"]))
    with pytest.raises(provision.ProvisionError, match="not YAML"):
        _imported(tmp_path, "c.yaml", "services: {z: &z {command: [*z]}}")


@pytest.mark.parametrize("stages", ["100000000", "0", "2.5", "x"])
def test_stages_that_no_hosts_can_be_for_make_no_hosts(tmp_path: Path, stages: str) -> None:
    found = _imported(tmp_path, ".env", f"MODEL_NAME=m\nPIPELINE_PARALLEL_SIZE={stages}\n")
    assert list(found.settings["hosts"]) == ["head"] and "pipeline_parallel" not in found.settings["serve"]
    assert any(stages in line for line in found.unmapped)


def test_of_a_variable_that_is_there_twice_the_last_counts(tmp_path: Path) -> None:
    found = _imported(tmp_path, ".env", "MODEL_NAME=a\r\nMODEL_NAME=b\r\n")
    assert found.settings["serve"]["model"] == "b"
    assert ".env:2: `MODEL_NAME` has had another value before; this one counts" in found.unmapped


def test_flags_alone_are_those_of_the_images_own_server(tmp_path: Path) -> None:
    text = "services: {a: {image: 'vllm/vllm-openai:v0.33.0', command: --host 0.0.0.0 --model m --port 81}}"
    assert _imported(tmp_path, "d.yaml", text).settings["serve"] == {"model": "m", "port": 81}


def test_a_secret_under_another_name_is_not_copied_either(tmp_path: Path) -> None:
    text = f"MODEL_NAME=m\nHF_TOKEN={TOKEN}\nHF_HUB_PROXY=http://u:pa55word9@proxy/\nNCCL_X=a,{TOKEN}\n"
    found = _imported(tmp_path, ".env", text)
    assert "pa55word9" not in found.text and TOKEN not in found.text
    assert found.settings["secrets"] == {name: {"env": name} for name in ("HF_TOKEN", "HF_HUB_PROXY", "NCCL_X")}
    text = f"services: {{a: {{command: vllm serve m --hub-url http://u:pa55word9@h/ --x {TOKEN}}}}}"
    found = _imported(tmp_path, "e.yaml", text)
    assert "pa55word9" not in found.text and TOKEN not in found.text
