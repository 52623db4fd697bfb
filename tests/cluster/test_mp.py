"""The same model without Ray, over two hosts: serve, stay as it is, lose a rank, be repaired, go away."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from clusters import Cluster, written

from provision.lab.demo import MODEL
from provision.lab.tiny_model import ANSWER, write_tiny_model

NAMES = ("lab-1", "lab-2")
KEY = "canary-mp-key-93fe"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    made = make_cluster(
        "test-mp",
        hosts=2,
        gpus=1,
        stack={"model": MODEL, "tensor_parallel": 2, "pipeline_parallel": 1, "backend": "mp"},
        settings={"secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}}},
        layers=(folder / "layer",),
    )
    made.environment["VLLM_API_KEY"] = KEY
    return made


def ask(cluster: Cluster) -> str:
    """One chat completion, asked from outside the hosts."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What are you?"}], "max_tokens": 40}
    request = urllib.request.Request(
        f"http://{cluster.host('lab-1').address}:8000/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


def ranks(cluster: Cluster) -> dict[str, list[str]]:
    """Host → the names of its ranks, as vLLM calls them."""
    return {name: [line.split()[1] for line in cluster.processes(name, "VLLM::Worker_")] for name in NAMES}


def test_a_cut_that_the_hosts_cannot_share_is_refused_before_anything_is_changed(cluster: Cluster) -> None:
    cluster.edit(("tensor_parallel: 2", "tensor_parallel: 1"))
    result = cluster.provision("up")
    cluster.edit()
    assert (result.code, result.changes) == (1, []), result.stderr
    said = [b["message"] for b in result.report["plan"]["blockers"]]
    assert any("1 rank, which 2 hosts cannot share equally" in message for message in said)


def test_up_ends_with_an_answer_and_one_rank_on_each_host(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert ask(cluster) == ANSWER
    assert ranks(cluster) == {"lab-1": ["VLLM::Worker_TP0"], "lab-2": ["VLLM::Worker_TP1"]}
    for name in NAMES:
        assert not cluster.processes(name, r"gcs_server|raylet|ray::")


def test_each_process_of_vllm_says_whose_it_is_whatever_it_calls_itself(cluster: Cluster) -> None:
    for name in NAMES:
        ours = 'grep -lzxsF "$0" /proc/[0-9]*/environ'
        marked = cluster.host(name).exec(["sh", "-c", ours, f"PROVISION_SERVICE={cluster.lab.name}/{name}/vllm"]).stdout
        pids = {path.split("/")[2] for path in marked.split()}
        titled = {line.split()[0] for line in cluster.processes(name, "VLLM::|vllm serve")}
        assert titled
        assert titled <= pids


def test_the_api_and_its_key_are_on_the_head_alone(cluster: Cluster) -> None:
    assert cluster.witness("lab-1").socket(f"tcp://{cluster.host('lab-1').address}:8000").is_listening
    assert not cluster.witness("lab-2").socket("tcp://8000").is_listening
    find = 'grep -rl "$0" /home/ops/.provision/clusters; cat /proc/[0-9]*/environ | tr "\\0" "\\n" | grep -c "$0"'
    assert cluster.host("lab-2").exec(["sh", "-c", find, KEY]).stdout.split() == ["0"]


@pytest.mark.parametrize("path", ["/invocations", "/tokenize", "/v1/completions", "//v1/completions"])
def test_without_the_key_nothing_is_answered(cluster: Cluster, path: str) -> None:
    url = f"http://{cluster.host('lab-1').address}:8000{path}"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}), timeout=60)


def test_up_again_changes_nothing_and_writes_nothing_and_check_is_in_sync(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    result = cluster.provision("up")
    assert (result.code, result.changes) == (0, [])
    assert {name: written(cluster, name) for name in NAMES} == before
    checked = cluster.provision("check")
    assert (checked.code, checked.report["findings"]) == (0, [])


def test_a_changed_flag_would_restart_all_processes(cluster: Cluster) -> None:
    cluster.edit(('"max-num-seqs": 4', '"max-num-seqs": 2'))
    drift = cluster.provision("plan")
    cluster.edit()
    planned = {(c["host"], c["label"]) for c in drift.report["plan"]["changes"]}
    assert {("lab-1", "vLLM"), ("lab-2", "vLLM worker")} <= planned


@pytest.mark.long
def test_a_killed_rank_is_named_and_all_are_started_anew(cluster: Cluster) -> None:
    head = cluster.processes("lab-1", "VLLM::Worker_")
    (rank,) = cluster.processes("lab-2", "VLLM::Worker_")
    cluster.host("lab-2").exec(["kill", "-9", rank.split()[0]])
    assert cluster.eventually(lambda: not cluster.processes("lab-2", "vllm serve"), 60)
    drift = cluster.provision("check")
    assert drift.code == 3
    assert any(f["host"] == "lab-2" and f["fact"] == "vLLM worker" for f in drift.report["findings"])

    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert {("lab-1", "vLLM"), ("lab-2", "vLLM worker")} <= set(repaired.changes)
    assert cluster.processes("lab-1", "VLLM::Worker_") != head
    assert ask(cluster) == ANSWER
    assert cluster.provision("up").changes == []


def test_down_leaves_no_process_port_or_shared_memory_and_twice_is_fine(cluster: Cluster) -> None:
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert not cluster.processes(name, r"ray|vllm|VLLM")
        for port in (8000, 29501):
            assert not cluster.witness(name).socket(f"tcp://{port}").is_listening
        assert cluster.witness(name).run("ls /dev/shm").stdout == ""
        assert cluster.witness(name).run("find ~/.provision/clusters -type f").stdout == ""
    again = cluster.provision("down")
    assert (again.code, again.changes) == (0, [])
