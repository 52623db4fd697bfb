"""ServerlessLLM on two lab hosts, with `sudo` and without: its real Ray, controller, API and command line; only the
part of the store that is compiled with CUDA is a stand-in, which finds models and loads none (standin_store.py)."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from platform import machine

import pytest
from clusters import PROVISION, Cluster
from standin_store import VERSION, write_store

from provision.lab.cpu_vllm import TORCH, own_find_links
from provision.resources.system_user import home_of

pytestmark = [pytest.mark.long, pytest.mark.needs("lab")]

MODEL = "facebook/opt-1.3b"
DOCUMENT = Path(__file__).parents[2] / "docs" / "serverlessllm.md"


#: Where models lie on a worker, and who runs it there.
STORAGE = {
    False: ("/home/ops/.provision/serverlessllm", "ops"),
    True: (f"{home_of('provision')}/serverlessllm", "provision"),
}


@pytest.fixture(scope="module", params=[False, True], ids=["login", "sudo"])
def sudo(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def slim(sudo: bool, make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    wheels = tmp_path_factory.mktemp("wheels")
    write_store(wheels)
    torch = f"torch=={TORCH}+cpu" if own_find_links() else f"torch=={TORCH}"
    settings = {
        "sudo": sudo,
        "python": {
            "version": "3.11",
            "platform": f"{machine()}-manylinux_2_34",
            "packages": ["serverless-llm==0.8.0", f"serverless-llm-store=={VERSION}"],
            # What the worker's extra pins is a build for CUDA.
            "overrides": [torch, 'triton; python_version < "3"'],
            "find_links": [str(wheels), *own_find_links()],
            "wheels": "controller",
            "build": "controller",
        },
        "ray": {
            "args": {"num-cpus": 4, "object-store-memory": 100_000_000},
            "env": {"RAY_raylet_start_wait_time_s": "300"},
            "join_timeout": 600,
        },
        "serve": {"backend": "serverlessllm"},
        "serverlessllm": {"mem_pool_size": "1GB", "ready_timeout": 1800},
    }
    return make_cluster(f"sllm-{'sudo' if sudo else 'test'}", hosts=2, gpus=1, settings=settings)


def test_a_port_that_is_taken_is_named_before_anything_is_changed(slim: Cluster) -> None:
    script = "import socket, time; s = socket.create_server(('0.0.0.0', 8073)); time.sleep(600)"
    host = slim.host("lab-2")
    host.exec(["sh", "-c", f"setsid python3 -c {shlex.quote(script)} >/dev/null 2>&1 &"])
    try:
        assert slim.eventually(lambda: "1F89" in host.exec(["cat", "/proc/net/tcp"]).stdout)
        result = slim.provision("up", timeout=3000)
        assert (result.code, result.changes) == (1, [])
        assert "port 8073 (ServerlessLLM's store)" in result.text
    finally:
        host.exec(["pkill", "-f", "socket.create_server"])


def test_up_brings_up_head_worker_and_store(slim: Cluster, sudo: bool) -> None:
    result = slim.provision("up", timeout=3000)
    assert result.code == 0, result.stderr + str(result.report)
    assert "lab-2 joined as worker_node, worker_id_0" in result.text
    assert "ServerlessLLM answers at" in result.text
    storage, user = STORAGE[sudo]
    # As if it had been fetched before: lab hosts reach no hub, and no model is loaded.
    folder = f"{storage}/transformers/{MODEL}"
    made = f"mkdir -p {folder} && echo weights > {folder}/tensor.data_0"
    assert slim.host("lab-2").exec(["setpriv", "--reuid", user, "--clear-groups", "sh", "-c", made]).returncode == 0
    users = slim.host("lab-2").exec(["sh", "-c", "ps -eo user:20,args | grep [s]llm-store"]).stdout
    assert {line.split()[0] for line in users.splitlines() if "python" in line} == {user}
    status = run(slim, "ray", str(slim.inventory), "--", "status").stdout
    assert re.search(r"control_node", status) and "worker_id_0" in status and "worker_node" in status


def test_a_second_up_changes_nothing_and_check_warns_of_the_token_alone(slim: Cluster) -> None:
    result = slim.provision("up", timeout=3000)
    assert (result.code, result.changes) == (0, [])
    report = slim.provision("check", timeout=600)
    assert report.code in (0, 3)
    assert "asks nobody for a token" in report.text


def test_the_commands_of_the_document(slim: Cluster, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    up, models, query = blocks
    assert up == "provision up inventory.yaml\n" and "/v1/chat/completions" in query
    deploy, listed, delete = (shlex.split(line)[1:] for line in models.splitlines())
    place = lambda words: [str(slim.inventory) if word == "inventory.yaml" else word for word in words]  # noqa: E731

    assert run(slim, *place(deploy)).stdout == f"deployed {MODEL}\n"
    again = run(slim, *place(deploy)).stdout
    assert again == f"nothing to change: {MODEL} was deployed with these settings\n"
    assert run(slim, *place(listed)).stdout == f"{MODEL}  transformers  by `provision model deploy`\n"
    assert run(slim, *place(delete)).stdout == f"deleted {MODEL}\n"
    assert run(slim, *place(delete)).stdout == f"nothing to change: {MODEL} was not deployed\n"
    assert run(slim, *place(listed)).stdout == "no model is deployed\n"


def test_a_model_that_no_worker_can_fetch_is_refused_by_name(slim: Cluster) -> None:
    done = run(slim, "model", "deploy", "no-such/model", str(slim.inventory), "--json")
    assert done.returncode == 1
    assert "no-such/model was not deployed: ServerlessLLM answers with HTTP 500" in done.stdout + done.stderr
    assert run(slim, "model", "list", str(slim.inventory)).stdout == "no model is deployed\n"


def test_models_of_the_inventory_are_deployed_and_deleted_by_up(slim: Cluster) -> None:
    models = 'serverlessllm:\n  models: {"facebook/opt-1.3b": {num_gpus: 0}}'
    slim.edit(("serverlessllm:", models))
    result = slim.provision("up", timeout=3000)
    assert result.code == 0, result.stderr + str(result.report)
    assert result.changes == [("lab-1", "models")]
    assert slim.provision("up", timeout=3000).changes == []
    slim.edit()
    assert slim.provision("up", timeout=3000).changes == [("lab-1", "models")]
    assert run(slim, "model", "list", str(slim.inventory)).stdout == "no model is deployed\n"


def test_a_store_that_is_gone_is_named_or_started_again(slim: Cluster, sudo: bool) -> None:
    """By its unit, where there is one, and alone; otherwise by `up`, which starts all of it anew."""
    before = slim.processes("lab-2", "sllm-store start")
    slim.host("lab-2").exec(["pkill", "-9", "-f", "sllm-store start"])
    if sudo:
        assert slim.eventually(lambda: slim.processes("lab-2", "sllm-store start") not in ([], before), 120)
        assert slim.eventually(lambda: not _told_of_store(slim), 120), "it is as it should be again"
        return
    time.sleep(1)
    assert _told_of_store(slim)
    result = slim.provision("up", timeout=3000)
    assert result.code == 0, result.stderr + str(result.report)
    assert {("lab-1", "ServerlessLLM"), ("lab-2", "ServerlessLLM store"), ("lab-1", "Ray head")} <= set(result.changes)


def _told_of_store(slim: Cluster) -> bool:
    report = slim.provision("check", timeout=600)
    return report.code == 3 and any("ServerlessLLM store" in json.dumps(event) for event in report.events)


def test_down_leaves_nothing_running_and_keeps_the_models(slim: Cluster, sudo: bool) -> None:
    assert slim.provision("down", timeout=600).code == 0
    for name in ("lab-1", "lab-2"):
        assert slim.processes(name, r"sllm|raylet|gcs_server") == []
    assert "tensor.data_0" in slim.host("lab-2").exec(["ls", "-R", STORAGE[sudo][0]]).stdout
    again = slim.provision("down", timeout=600)
    assert (again.code, again.changes) == (0, [])
    done = run(slim, "model", "list", str(slim.inventory))
    assert done.returncode == 1 and "ServerlessLLM is not running on this host" in done.stderr


def run(slim: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **slim.environment}
    return subprocess.run(
        [PROVISION, *words], env=environment, capture_output=True, text=True, timeout=2400, check=False
    )
