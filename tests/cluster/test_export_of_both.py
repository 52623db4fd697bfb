"""Real Ray and real vLLM over two hosts, started by the scripts of an export: nothing of provision runs there."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clusters import PROVISION, Cluster

from provision.lab.demo import MODEL
from provision.lab.tiny_model import ANSWER, write_tiny_model

pytestmark = pytest.mark.long

NAMES = ("lab-1", "lab-2")
KEY = "canary-export-key-51c0"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    made = make_cluster(
        "test-export-of-both",
        hosts=2,
        gpus=1,
        stack={"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 2},
        settings={"secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}}},
        layers=(folder / "layer",),
    )
    made.environment["VLLM_API_KEY"] = KEY
    return made


def on(cluster: Cluster, host: str, command: str) -> str:
    done = cluster.host(host).exec(["su", "-s", "/bin/sh", "-", "ops", "-c", command], timeout=900)
    assert done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout


def everywhere(cluster: Cluster, command: str) -> list[str]:
    with ThreadPoolExecutor(len(NAMES)) as pool:
        return list(pool.map(lambda host: on(cluster, host, command), NAMES))


def put(cluster: Cluster, host: str, folder: Path) -> None:
    packed = subprocess.run(["tar", "-C", folder, "-cf", "-", "."], capture_output=True, check=True).stdout
    enter = ["nsenter", "--target", str(cluster.host(host).pid), "--mount", "--pid", "--root", "--wd", "--"]
    unpack = "mkdir -p /home/ops/it && tar -C /home/ops/it -xf - && chown -R ops /home/ops/it"
    subprocess.run([*enter, "sh", "-c", unpack], input=packed, check=True)


def test_ray_counts_both_and_the_model_answers(cluster: Cluster, tmp_path: Path) -> None:
    for words in (("lock",), ("export", "script")):
        more = ["--ask", "--out", str(tmp_path / "out")] if "export" in words else []
        done = subprocess.run(
            [PROVISION, *words, cluster.inventory, *more],
            env=cluster.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for host in NAMES:
        put(cluster, host, tmp_path / "out" / host)
    secrets = "cd ~/.provision/clusters/*/*/ && umask 077 && echo {} > ray-token && echo VLLM_API_KEY={} > vllm.secrets"
    everywhere(cluster, f"it/install.sh; {secrets.format(TOKEN, KEY)}")
    assert all("is ready" in said for said in everywhere(cluster, "it/install.sh"))
    try:
        said = everywhere(cluster, "it/run.sh start")
        assert "Ray counts 2 of 2 nodes and 2 of 2 GPUs" in said[0]
        body = {"model": "tiny", "messages": [{"role": "user", "content": "What are you?"}], "max_tokens": 40}
        request = urllib.request.Request(
            f"http://{cluster.host('lab-1').address}:8000/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == ANSWER
        request.remove_header("Authorization")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 401
    finally:
        everywhere(cluster, "it/run.sh stop")
    left = [
        line for name in NAMES for word in ("raylet", "gcs_server", "VLLM") for line in cluster.processes(name, word)
    ]
    assert left == []
