"""The JSON Schema that editors get, and the examples that are installed with the package."""

from importlib.resources import files

import jsonschema
import pytest
import yaml

from provision.inventory import json_schema, load

EXAMPLES = sorted(p.name for p in files("provision.inventories").iterdir() if p.name.endswith(".yaml"))
OWN = [name for name in EXAMPLES if name != "ansible.yaml"]


def example(name):
    return files("provision.inventories") / name


def valid(document) -> bool:
    return jsonschema.Draft202012Validator(json_schema()).is_valid(document)


def test_the_examples_are_those_that_the_readme_promises():
    assert EXAMPLES == ["ansible.yaml", "bastion.yaml", "llama-70b.yaml", "offline-rack.yaml", "two-nodes.yaml"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_loads(name, home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").write_text("a key")
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    (home / ".config" / "provision").mkdir(parents=True)
    (home / ".config" / "provision" / "sudo-password").write_text("pw\n")
    (home / ".config" / "provision" / "sudo-password").chmod(0o600)
    inventory = load(str(example(name)))
    assert inventory.head.role == "head"
    assert inventory.serve is not None
    assert inventory.serve.tensor_parallel * inventory.serve.pipeline_parallel >= len(inventory.hosts)
    assert any(package.startswith("vllm==") for package in inventory.python.packages)


@pytest.mark.parametrize("name", OWN)
def test_each_example_fits_the_schema(name):
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(example(name).read_text()))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_every_key_of_the_schema_is_described():
    schema = json_schema()
    bare = [
        f"{name}.{key}"
        for name, model in {"": schema, **schema["$defs"]}.items()
        for key, field in model.get("properties", {}).items()
        if "description" not in field
    ]
    assert bare == []


@pytest.mark.parametrize(
    "change",
    [
        {"clustre": "x"},
        {"hosts": {}},
        {"hosts": {"a": {"adress": "x"}}},
        {"hosts": {"a": {"role": "boss"}}},
        {"ssh": {"port": 70000}},
        {"serve": {"port": 8000}},
        {"secrets": {"A": {"env": "A", "file": "a"}}},
        {"python": {"wheels": "indx"}},
    ],
)
def test_the_schema_refuses_what_load_refuses(change):
    small = {"cluster": "demo", "hosts": {"a": None, "b": "10.0.0.1"}}
    assert valid(small)
    assert not valid({**small, **change})


def test_the_schema_takes_sections_left_empty():
    assert valid({"cluster": "d", "hosts": {"a": None}, "ssh": None, "groups": None, "serve": None})


def test_the_schema_takes_unquoted_versions_and_numbers_in_the_environment():
    assert valid({"cluster": "d", "hosts": {"a": None}, "python": {"version": 3.12}, "env": {"A": 1}})


@pytest.mark.parametrize("packages", [None, [], ["vllm"], {"file": "requirements.txt"}])
def test_the_schema_takes_packages_that_stand_in_a_file(packages):
    assert valid({"cluster": "d", "hosts": {"a": None}, "python": {"packages": packages}})


@pytest.mark.parametrize("packages", ["vllm", {}, {"file": []}, {"file": "a", "group": "b"}])
def test_the_schema_refuses_packages_of_another_shape(packages):
    assert not valid({"cluster": "d", "hosts": {"a": None}, "python": {"packages": packages}})
