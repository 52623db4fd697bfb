"""ServerlessLLM in containers of Docker and of Podman, on two lab hosts: an image with its real Ray, controller, API
and command line. Only the part of the store that is compiled with CUDA is a stand-in, which finds models and loads none
(standin_store.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from platform import machine

import pytest
from clusters import PROVISION, Cluster
from standin_store import VERSION, write_store

from provision.lab.cpu_vllm import TORCH, own_find_links
from provision.lab.demo_image import write_demo_image
from provision.lab.lab import default_root
from provision.resources.system_user import home_of

pytestmark = [pytest.mark.long, pytest.mark.needs("lab")]

MODEL = "facebook/opt-1.3b"
PROGRAMS = {
    "ray": ("ray.scripts.scripts", "main"),
    "sllm": ("sllm.cli.clic", "cli"),
    "sllm-store": ("sllm_store.cli", "main"),
}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    wheels = folder / "wheels"
    write_store(wheels)
    # GPUtil, which it needs, is published as source alone.
    building = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(wheels),
        "GPUtil==1.4.0",
    ]
    subprocess.run(building, check=True)
    torch = f"torch=={TORCH}+cpu" if own_find_links() else f"torch=={TORCH}"
    settings = {
        "version": "3.11",
        "platform": f"{machine()}-manylinux_2_34",
        "packages": ["serverless-llm==0.8.0", f"serverless-llm-store=={VERSION}"],
        "overrides": [torch, 'triton; python_version < "3"'],
        "find_links": [str(wheels), *own_find_links()],
        "wheels": "controller",
    }
    # Of a system without either engine: both take it.
    return write_demo_image(folder, default_root(), "", settings, print, programs=PROGRAMS)


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def contained(image: Path, engine: str, make_cluster: Callable[..., Cluster]) -> Cluster:
    settings = {
        "sudo": True,
        "runtime": {"container": engine, "image": str(image)},
        "ray": {
            "args": {"num-cpus": 4, "object-store-memory": 100_000_000},
            "env": {"RAY_raylet_start_wait_time_s": "300"},
            "join_timeout": 600,
        },
        "serve": {"backend": "serverlessllm"},
        "serverlessllm": {"mem_pool_size": "1GB", "ready_timeout": 1800},
    }
    return make_cluster(f"sllm-{engine}", hosts=2, gpus=1, settings=settings, containers=engine)


def test_up_brings_all_of_it_up_in_containers(contained: Cluster, engine: str) -> None:
    result = contained.provision("up", timeout=3000)
    assert result.code == 0, result.stderr + str(result.report)
    assert "lab-2 joined as worker_node, worker_id_0" in result.text
    assert "ServerlessLLM answers at" in result.text
    names = {
        name: {line.removeprefix(f"provision-{contained.lab.name}-{name}-") for line in listed.split()}
        for name in ("lab-1", "lab-2")
        if (listed := contained.host(name).exec([engine, "ps", "--format", "{{.Names}}"]).stdout)
    }
    assert names == {"lab-1": {"ray", "sllm"}, "lab-2": {"ray", "sllm-store"}}


def test_a_second_up_changes_nothing(contained: Cluster) -> None:
    result = contained.provision("up", timeout=3000)
    assert (result.code, result.changes) == (0, [])


def test_a_model_is_deployed_listed_and_deleted(contained: Cluster) -> None:
    # As if it had been fetched before: lab hosts reach no hub, and no model is loaded.
    folder = f"{home_of('provision')}/serverlessllm/transformers/{MODEL}"
    made = f"mkdir -p {folder} && echo weights > {folder}/tensor.data_0 && chmod -R a+rX {folder}"
    assert contained.host("lab-2").exec(["sh", "-c", made]).returncode == 0
    inventory = str(contained.inventory)
    assert run(contained, "model", "deploy", MODEL, inventory, "--num-gpus", "1") == f"deployed {MODEL}\n"
    assert run(contained, "model", "list", inventory) == f"{MODEL}  transformers  by `provision model deploy`\n"
    assert run(contained, "model", "delete", MODEL, inventory) == f"deleted {MODEL}\n"


def test_down_leaves_no_container_and_keeps_the_models(contained: Cluster, engine: str) -> None:
    assert contained.provision("down", timeout=600).code == 0
    for name in ("lab-1", "lab-2"):
        assert contained.host(name).exec([engine, "ps", "-aq"]).stdout == ""
        assert contained.processes(name, r"sllm|raylet|gcs_server") == []
    assert "tensor.data_0" in contained.host("lab-2").exec(["ls", "-R", f"{home_of('provision')}/serverlessllm"]).stdout


def run(contained: Cluster, *words: str) -> str:
    environment = {**os.environ, **contained.environment}
    done = subprocess.run(
        [PROVISION, *words], env=environment, capture_output=True, text=True, timeout=2400, check=False
    )
    return done.stdout + (done.stderr if done.returncode else "")
