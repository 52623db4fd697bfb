"""Real vLLM over two hosts with two GPUs and two networks each. One story: refuse bad arguments, serve, stay as it is,
drift, be repaired, go away."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import day_after
import pytest
from clusters import Cluster, written
from listeners import LISTENERS, seen
from outside import document, firewall, look
from stack_layer import stack_settings

from provision.lab.demo import MODEL
from provision.lab.tiny_model import ANSWER, write_tiny_model

NAMES = ("lab-1", "lab-2")
ROUTES = "/opt/routes"
CANARY = {"VLLM_API_KEY": "canary-api-key-6f1d", "HF_TOKEN": "hf_canary-token-93ab"}


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory, state_dir: Path) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    (folder / "layer" / ROUTES.lstrip("/")).mkdir(parents=True)
    for name in ("route_list.py", "walk_routes.py"):
        shutil.copy(Path(__file__).with_name(name), folder / "layer" / ROUTES.lstrip("/"))
    stack = {"model": MODEL, "tensor_parallel": "auto", "pipeline_parallel": "auto"}
    serve: Any = stack_settings(state_dir / "stack", **stack)["serve"]
    # A middleware of a person's own, which tells the routes of the server.
    serve["args"] |= {"middleware": "route_list.Routes"}
    serve["env"] |= {"PYTHONPATH": ROUTES}
    made = make_cluster(
        "test-serving",
        hosts=2,
        gpus=2,
        fabric=True,
        stack=stack,
        settings={"secrets": {name: {"env": name} for name in CANARY}, "serve": serve},
        layers=(folder / "layer",),
    )
    made.environment.update(CANARY)
    return made


def ask(cluster: Cluster, key: str = CANARY["VLLM_API_KEY"]) -> str:
    """One chat completion, asked from outside the hosts."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What are you?"}], "max_tokens": 40}
    request = urllib.request.Request(
        f"http://{cluster.host('lab-1').fabric_address}:8000/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: Any = json.load(answer)
    return str(content["choices"][0]["message"]["content"])


def refused(cluster: Cluster, flag: str) -> str:
    """What `up` says with that flag among the arguments; it changes no service."""
    cluster.edit(('"max-num-seqs": 4', f'"max-num-seqs": 4, "{flag}": 256'))
    result = cluster.provision("up")
    cluster.edit()
    assert result.code == 1
    (failed,) = [e for e in result.events if e["event"] == "failed"]
    assert failed["host"] == "lab-1"
    assert "Traceback" not in "\n".join(failed["evidence"])
    assert not {label for _, label in result.changes} & {"Ray head", "Ray worker", "vLLM"}
    return f"{failed['message']}; {failed['hint']}"


def test_arguments_that_vllm_refuses_end_in_its_own_words_before_ray_is_started(cluster: Cluster) -> None:
    assert "unrecognized arguments: --such-a-flag" in refused(cluster, "such-a-flag")


def test_up_goes_on_from_there_and_ends_with_an_answer(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert {label for _, label in result.changes} >= {"Ray head", "vLLM", "ranks of the model"}
    assert ask(cluster) == ANSWER
    notes = [e["text"] for e in result.events if e["event"] == "note"]
    assert any("a chat completion answered from here: first token after" in text for text in notes)


@pytest.mark.long  # short: such a flag, above, before anything runs
def test_a_flag_misspelt_stops_nothing(cluster: Cluster) -> None:
    before = cluster.processes("lab-1", "vllm serve")
    assert "write `max-model-len` in `serve.args`" in refused(cluster, "max-modle-len")
    assert cluster.processes("lab-1", "vllm serve") == before != []
    assert ask(cluster) == ANSWER


def test_the_end_of_up_says_where_each_rank_runs(cluster: Cluster) -> None:
    lines = cluster.provision("up").report["outcome"]
    address = cluster.host("lab-1").fabric_address
    assert lines[0] == f"tiny answers at http://{address}:8000/v1"
    placed = {line.split()[0]: re.findall(r"(\d+) \(PP(\d+) TP(\d+)\)", line) for line in lines[2 : 2 + len(NAMES)]}
    assert list(placed) == list(NAMES)
    ranks = [int(rank) for name in NAMES for rank, _, _ in placed[name]]
    assert sorted(ranks) == [0, 1, 2, 3]
    for name in NAMES:
        assert len(cluster.processes(name, r"ray::RayWorker")) == 2
    # Tensor parallel inside a host, pipeline parallel across: what `auto` stands for here.
    assert [{stage for _, stage, _ in placed[name]} for name in NAMES] == [{"0"}, {"1"}]


def typed(lines: list[str], program: list[str | Path]) -> str:
    """What a program says that is given these lines; it has the key in its environment, as a person's shell does."""
    done = subprocess.run(
        program, input="\n".join(lines), env={**os.environ, **CANARY}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def what_to_type(cluster: Cluster) -> tuple[str, list[str], list[str]]:
    """The curl line, the Python lines, and those of ssh, as the end of `up` prints them."""
    lines = cluster.provision("up").report["outcome"]
    (curl,) = (line for line in lines if line.startswith("curl "))
    python = lines[next(i for i, line in enumerate(lines) if line.startswith("import ")) :]
    return curl, python[:4], [line for line in lines if line.startswith("ssh ")]


def test_the_lines_that_up_ends_with_work_as_they_are(cluster: Cluster) -> None:
    curl, python, ssh = what_to_type(cluster)
    assert ssh == []
    assert CANARY["VLLM_API_KEY"] not in curl + "".join(python)
    said = json.loads(typed([curl], ["sh"]))["choices"][0]["message"]["content"]
    assert ANSWER.startswith(said)
    assert said
    assert typed(python, [sys.executable, "-"]).strip() == said


def test_smoke_asks_as_users_do(cluster: Cluster) -> None:
    result = cluster.provision("smoke")
    assert result.code == 0, result.text
    (line,) = result.events
    assert (line["event"], line["direct"], line["kind"]) == ("smoke", True, "chat completion")
    assert 0 < line["first"] <= line["seconds"]
    assert ANSWER.startswith(line["text"])


def test_smoke_with_another_key_says_whose_fault_it_is(cluster: Cluster) -> None:
    result = cluster.provision("smoke", environment={"VLLM_API_KEY": "wrong"})
    assert result.code == 1
    error = result.events[-1]["error"]
    assert (error["kind"], error["host"]) == ("NoAnswer", "lab-1")
    assert "wants another API key" in error["message"]
    assert "secrets.VLLM_API_KEY" in error["hint"]


def test_where_the_port_is_closed_from_here_smoke_goes_through_ssh_and_up_says_how_to_get_there(
    cluster: Cluster,
) -> None:
    head = cluster.host("lab-1")
    head.drop(8000, source=head.fabric_address.rpartition(".")[0] + ".1")
    try:
        (line,) = cluster.provision("smoke").events
        curl, python, ssh = what_to_type(cluster)
        (tunnel,) = ssh
        with subprocess.Popen(["sh", "-c", f"exec {tunnel}"], stdin=subprocess.DEVNULL) as forwarding:
            try:
                assert cluster.eventually(lambda: socket_listens("127.0.0.1", 8000))
                said = json.loads(typed([curl], ["sh"]))["choices"][0]["message"]["content"]
                assert typed(python, [sys.executable, "-"]).strip() == said
            finally:
                forwarding.terminate()
    finally:
        head.allow()
    assert (line["direct"], line["why"]) == (False, "no answer within 2 s")
    assert ANSWER.startswith(line["text"])
    assert ANSWER.startswith(said)


def socket_listens(address: str, port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((address, port)) == 0


@pytest.mark.long  # short: what is made of the words of vLLM's own, in tests/unit/serving
def test_bench_reports_times_tokens_and_errors_of_a_small_load(cluster: Cluster) -> None:
    load = ("--requests", "6", "--concurrency", "2", "--input-tokens", "24", "--output-tokens", "8")
    result = cluster.provision("bench", *load)
    assert result.code == 0, result.stderr
    line = result.events[-1]
    assert (line["completed"], line["failed"], line["errors"]) == (6, 0, [])
    assert line["output_tokens"] == 6 * 8
    assert 0 < line["first"]["median"] <= line["first"]["p99"] < line["whole"]["p99"]
    assert CANARY["VLLM_API_KEY"] not in result.text


@pytest.mark.long
def test_a_load_that_takes_too_long_is_ended_with_all_its_processes(cluster: Cluster) -> None:
    # More than can be done by then, and time enough to begin on a busy machine.
    result = cluster.provision("bench", "--requests", "5000", "--deadline", "10")
    assert result.code == 1
    assert "not done after 10 s" in result.events[-1]["error"]["message"]
    assert not cluster.processes("lab-1", "vllm bench|bench serve")
    assert ask(cluster) == ANSWER


def test_the_nodes_talk_over_the_fabric_that_nobody_named(cluster: Cluster) -> None:
    for name in NAMES:
        (raylet,) = cluster.processes(name, r"raylet/raylet ")
        assert f"--node_ip_address={cluster.host(name).fabric_address}" in raylet


def test_whoever_has_no_key_is_turned_away(cluster: Cluster) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(cluster, key="wrong")


def test_every_route_of_the_server_wants_the_key_but_health(cluster: Cluster) -> None:
    """Those of the running one, which it tells itself; of one that has all that vLLM can have; and of that one without
    our class, which must answer, or nothing was shown."""
    head = cluster.host("lab-1")
    python = 'exec /home/ops/.provision/envs/current-*/bin/python "$@"'
    guard = "/home/ops/.provision/clusters/test-serving/lab-1/vllm-guard"
    asked = [f"{ROUTES}/walk_routes.py", guard, CANARY["VLLM_API_KEY"], f"{head.fabric_address}:8000"]
    done = head.exec(["sh", "-c", python, "-", *asked], timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    walked: dict[str, dict[str, list[int]]] = json.loads(done.stdout)
    for server in ("running", "guarded"):
        turned_away = {route for route, (without, _) in walked[server].items() if without == 401}
        assert set(walked[server]) - turned_away == {"GET /health"}, server
        assert not [route for route, (_, shown) in walked[server].items() if shown == 401], server
    assert {"POST /invocations", "POST /tokenize", "POST /scale_elastic_ep"} <= set(walked["running"])
    assert {"WEBSOCKET /v1/realtime", "POST /collective_rpc", "GET /static/x"} <= set(walked["guarded"])
    answers = [route for route, (without, _) in walked["control"].items() if without != 401]
    assert {"POST /invocations", "POST /tokenize", "POST /collective_rpc", "GET /metrics"} <= set(answers)
    assert len(answers) > 30


def test_the_guard_stays_on_the_head_and_out_of_the_ranks(cluster: Cluster) -> None:
    find = "find / -xdev -name 'provision_guard*' -not -path '/proc/*' 2>/dev/null"
    assert cluster.host("lab-2").exec(["sh", "-c", find]).stdout == ""
    (found, *_) = cluster.host("lab-1").exec(["sh", "-c", find]).stdout.split()
    assert "/envs/" not in found
    for name in NAMES:
        for process in cluster.processes(name, "ray::RayWorker"):
            assert not holds(cluster, name, process.split()[0], "provision_guard"), process


def test_the_server_listens_on_the_clusters_address_alone(cluster: Cluster) -> None:
    address = cluster.host("lab-1").fabric_address
    assert cluster.witness("lab-1").socket(f"tcp://{address}:8000").is_listening
    assert not cluster.witness("lab-1").socket("tcp://0.0.0.0:8000").is_listening


def test_what_listens_is_what_the_document_says(cluster: Cluster) -> None:
    found = {}
    for name in NAMES:
        host = cluster.host(name)
        found[name] = [*seen(host.exec(["ss", "-ltnpH"]).stdout, host.fabric_address)]
        unknown = [one for one in found[name] if not any(map(one.is_of, LISTENERS))]
        assert unknown == [], name
    for listener in LISTENERS:
        on = [name for name, every in found.items() if any(one.is_of(listener) for one in every)]
        assert on == (["lab-1"] if listener.head else [*NAMES]), listener.what


def test_a_host_outside_reaches_the_api_alone_once_the_firewall_is_set(cluster: Cluster) -> None:
    found = {}
    for name in NAMES:
        host = cluster.host(name)
        found[name] = [*seen(host.exec(["ss", "-ltnpH"]).stdout, host.fabric_address)]
    before = look(cluster, found)
    assert set(before.values()) == {"open"}
    with firewall(cluster):
        after = look(cluster, found)
        assert ask(cluster) == ANSWER
        assert cluster.provision("check").code == 0
    assert after == {what: "open" if what == LISTENERS[0].what else "dropped" for what in before}
    document(before, after)


def test_up_again_changes_nothing_writes_nothing_and_takes_two_commands(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    result = cluster.provision("up")
    assert (result.code, result.changes) == (0, [])
    assert {name: written(cluster, name) for name in NAMES} == before
    for host in result.report["hosts"]:
        assert (host["connections"], host["commands"] <= 3) == (1, True)


def test_check_right_after_up_is_in_sync(cluster: Cluster) -> None:
    assert cluster.provision("check").code == 0


@pytest.mark.parametrize("look", [*day_after.OF_RAY, *day_after.OF_VLLM], ids=lambda look: look.__name__)
def test_the_day_after(cluster: Cluster, look: day_after.Look) -> None:
    look(cluster)


@pytest.mark.long
def test_a_restart_of_the_model_is_that_alone(cluster: Cluster) -> None:
    ray, (server, *_) = cluster.processes("lab-1", r"raylet/raylet "), cluster.processes("lab-1", "vllm serve")
    result = cluster.provision("restart", "vllm")
    assert result.code == 0, result.stderr
    assert {label for _, label in result.changes} == {"vLLM", "ranks of the model"}
    assert cluster.processes("lab-1", r"raylet/raylet ") == ray and server not in cluster.processes("lab-1", ".")
    assert ask(cluster) == ANSWER


def test_no_secret_is_in_a_command_line_a_log_a_report_or_a_rank(cluster: Cluster) -> None:
    said = cluster.provision("check", "-v").text
    kept = [path for path in Path(cluster.state).rglob("*") if path.is_file()]
    for secret in CANARY.values():
        assert secret not in said
        assert not [path for path in kept if secret.encode() in path.read_bytes()]
        for name in NAMES:
            assert secret not in cluster.host(name).exec(["ps", "-eo", "args"]).stdout
        for process in cluster.processes("lab-2", "ray"):
            # vLLM hands its environment over inside the running process: only its memory would show it.
            assert not holds(cluster, "lab-2", process.split()[0], secret), process


def holds(cluster: Cluster, host: str, pid: str, secret: str) -> bool:
    """Whether the writable memory of a process on the host has `secret` in it."""
    script = (
        "import re,sys\n"
        "pid, secret = sys.argv[1], sys.argv[2][::-1].encode()\n"
        "memory = open(f'/proc/{pid}/mem', 'rb', 0)\n"
        "for line in open(f'/proc/{pid}/maps'):\n"
        "    span, rights = line.split()[:2]\n"
        "    start, end = (int(n, 16) for n in span.split('-'))\n"
        "    if rights.startswith('rw') and end - start < 1 << 28:\n"
        "        try:\n"
        "            memory.seek(start)\n"
        "            if secret in memory.read(end - start): sys.exit(3)\n"
        "        except OSError: pass\n"
    )
    # Written backwards, so that the search does not find itself.
    return cluster.host(host).exec(["python3", "-c", script, pid, secret[::-1]], timeout=60).returncode == 3


def test_a_changed_flag_is_drift_of_the_server_alone(cluster: Cluster) -> None:
    cluster.edit(('"max-num-seqs": 4', '"max-num-seqs": 2'))
    drift = cluster.provision("check")
    cluster.edit()
    assert drift.code == 3
    changes = {c["label"]: c for c in drift.report["plan"]["changes"]}
    assert set(changes) == {"vLLM", "ranks of the model"}
    assert changes["vLLM"]["differences"] == [{"aspect": "--max-num-seqs", "expected": "2", "found": "4"}]


def test_another_version_on_one_host_is_repaired_while_the_model_goes_on_answering(cluster: Cluster) -> None:
    cluster.install("lab-2", "six==1.16.0")
    drift = cluster.provision("check")
    assert (drift.code, drift.status("lab-1"), drift.status("lab-2")) == (3, "ok", "drift")
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert [host for host, _ in repaired.changes] == ["lab-2"]
    assert ask(cluster) == ANSWER


@pytest.mark.long
def test_a_run_cut_off_while_the_model_loads_is_taken_up_where_it_was(cluster: Cluster) -> None:
    (raylet,) = cluster.processes("lab-2", r"raylet/raylet ")
    cluster.host("lab-2").exec(["kill", "-9", raylet.split()[0]])
    assert cluster.eventually(lambda: not cluster.processes("lab-1", "VLLM::EngineCore"), 60)
    drift = cluster.provision("check")
    assert drift.code == 3
    assert "its process is gone" in drift.text

    loading = re.compile(r'"event":"progress".*"text":"\d+ s')
    code = cluster.interrupted("up", when=lambda line: loading.search(line) is not None)
    assert code == 130
    server = cluster.processes("lab-1", "vllm serve")
    assert len(server) == 1
    for name in NAMES:
        assert cluster.eventually(lambda name=name: not cluster.processes(name, "setsid|sh -s"))

    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert cluster.processes("lab-1", "vllm serve") == server
    assert ask(cluster) == ANSWER


def test_down_leaves_no_process_port_or_shared_memory_and_twice_is_fine(cluster: Cluster) -> None:
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert not cluster.processes(name, r"ray|vllm|VLLM")
        assert not cluster.witness(name).socket("tcp://8000").is_listening
        assert cluster.witness(name).run("ls /dev/shm").stdout == ""
        clusters = cluster.witness(name).run("find ~/.provision/clusters -type f").stdout
        assert clusters == ""
    again = cluster.provision("down")
    assert (again.code, again.changes) == (0, [])


def test_after_down_there_is_nothing_to_ask_and_up_is_what_to_type(cluster: Cluster) -> None:
    for command in ("smoke", "bench"):
        result = cluster.provision(command)
        assert result.code == 1
        error = result.events[-1]["error"]
        assert (error["kind"], error["message"]) == ("NotServing", "no model is served here")
        assert error["hint"] == f"provision up {cluster.inventory}"
