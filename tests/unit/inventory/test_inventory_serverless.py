"""`serverlessllm`, and `serve: {backend: serverlessllm}`."""

import pytest

from provision.core.errors import InventoryError

SMALL = "cluster: demo\nhosts: {a: {address: 10.0.0.1, role: head}, b: 10.0.0.2}\n"


@pytest.mark.parametrize(
    "text",
    [
        "serve: {backend: serverlessllm}\n",
        "serverlessllm: {}\n",
        "serve: {backend: serverlessllm}\nserverlessllm: {port: 8343}\n",
        "serve: {backend: serverlessllm}\nserverlessllm:\n",
    ],
)
def test_each_way_to_ask_for_it(read, text):
    found = read(SMALL + text)
    assert found.serve is None
    assert (found.serverlessllm.port, found.serverlessllm.mem_pool_size, found.serverlessllm.models) == (
        8343,
        "4GB",
        {},
    )


def test_the_body_of_a_deployment_is_that_of_sllm_deploy(read):
    found = read(SMALL + "serverlessllm: {models: {facebook/opt-1.3b: {num_gpus: 2, min_instances: 1}}}\n")
    body = found.serverlessllm.models["facebook/opt-1.3b"].request("facebook/opt-1.3b")
    assert (body["model"], body["backend"], body["num_gpus"]) == ("facebook/opt-1.3b", "transformers", 2)
    assert body["auto_scaling_config"] == {
        "metric": "concurrency",
        "target": 1,
        "min_instances": 1,
        "max_instances": 10,
        "keep_alive": 0,
    }
    assert body["backend_config"]["pretrained_model_name_or_path"] == "facebook/opt-1.3b"


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (
            "serve: {backend: serverlessllm, model: x}\n",
            "serve",
            "`model` is a setting of vLLM's own server, which the backend `serverlessllm` does not start",
        ),
        (
            "serve: {model: x}\nserverlessllm: {port: 9000}\n",
            "",
            "`serve` and `serverlessllm` both say what is served",
        ),
        ("serverlessllm: {port: 6380}\n", "serverlessllm.port", "port 6380 is both `ray.node_manager_port` and"),
        ("serverlessllm: {mem_pool_size: 4 gigs}\n", "serverlessllm.mem_pool_size", "should be a size such as `4GB`"),
        ("serverlessllm: {storage_path: models}\n", "serverlessllm.storage_path", "should be an absolute path"),
        ("serverlessllm: {models: {a b: {}}}\n", "serverlessllm.models", "`a b` cannot be the name of a model"),
        (
            "serverlessllm: {models: {a: {min_instances: 20}}}\n",
            "serverlessllm.models.a.min_instances",
            "min_instances 20 is above max_instances 10",
        ),
        ("ray: {min_worker_port: 8300, max_worker_port: 9000}\nserverlessllm: {}\n", None, "port 8343 of"),
    ],
)
def test_a_mistake_is_told_at_its_place(read, text, path, message):
    with pytest.raises(InventoryError) as raised:
        read(SMALL + text)
    first = raised.value.problems[0]
    assert first.message.startswith(message), first
    assert path is None or first.path == path
