"""What docs/day-after.md says, with Ray and vLLM as they are; tests/hosts/test_day_after.py has stand-ins for both.
Each looks at a cluster that is up, and changes nothing: whoever has one lends it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clusters import PROVISION, Cluster

from provision.diagnosis.archive import read_bundle
from provision.export.dashboard import PANELS
from provision.lab.demo import MODEL

#: Fails where anything is asked for that Ray or vLLM does not have.
Look = Callable[[Cluster], None]


def said(cluster: Cluster, *words: str, code: int = 0) -> str:
    """What the command prints; `INVENTORY` stands for the cluster's."""
    given = [str(cluster.inventory) if word == "INVENTORY" else word for word in words]
    done = subprocess.run(
        [PROVISION, *given], env=cluster.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@contextmanager
def tunnel(cluster: Cluster, *options: str) -> Iterator[dict[str, Any]]:
    """What it says once it is open; Ctrl-C ends it."""
    words = [PROVISION, "tunnel", cluster.inventory, "--json", *options]
    running = subprocess.Popen(
        words, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None and running.stderr is not None
    line = running.stdout.readline()
    assert line, running.stderr.read()
    yield json.loads(line)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130


def answer(url: str, token: str = "", body: dict[str, Any] | None = None) -> tuple[int, str]:
    """(status, text) of an HTTP request."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def names(cluster: Cluster) -> list[str]:
    return [host.name for host in cluster.lab.status().hosts]


def status_has_what_ray_has_counted(cluster: Cluster) -> None:
    seen = json.loads(said(cluster, "status", "INVENTORY", "--json"))
    assert (seen["healthy"], seen["wrong"]) == (True, [])
    assert [host["host"] for host in seen["hosts"]] == names(cluster)
    (ray,) = (one for one in seen["hosts"][0]["services"] if one["name"] == "ray")
    assert [re.sub(r" \S+ ", " ", joined, count=1) for joined in ray["joined"]] == [
        f"{n} with 2 GPUs" for n in names(cluster)
    ]


def rays_own_command_works_where_it_is_run(cluster: Cluster) -> None:
    gpus = f"/{len(names(cluster)) * 2}.0 GPU"
    assert gpus in said(cluster, "ray", "INVENTORY", "--", "status")
    assert gpus in said(cluster, "env", "INVENTORY", "lab-2", "--", "ray", "status")


def a_command_runs_on_every_host(cluster: Cluster) -> None:
    lines = said(cluster, "exec", "INVENTORY", "--", "nvidia-smi", "-L").splitlines()
    assert sorted({line.split()[0] for line in lines}) == names(cluster) and len(lines) == 2 * len(names(cluster))


def logs_are_on_one_time_line_with_rays_own(cluster: Cluster) -> None:
    lines = [json.loads(line) for line in said(cluster, "logs", "INVENTORY", "--ray", "--json").splitlines()][:-1]
    assert {line["host"] for line in lines} == {*names(cluster)}
    assert {"ray", "gcs_server", "raylet"} <= {re.split(r"[./]", line["log"])[-1] for line in lines} | {
        re.split(r"[./]", Path(line["path"]).name)[0] for line in lines
    }
    # Within a log the lines stay as they are, though one of its processes may be a moment late.
    latest: dict[tuple[str, str], float] = {}
    times = []
    for line in lines:
        log = line["host"], line["path"]
        latest[log] = max(latest.get(log, 0.0), line["at"])
        times.append(latest[log])
    assert times == sorted(times) != []


def a_ticket_has_the_logs_and_tells_no_failure(cluster: Cluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ticket = Path(folder, "ticket.tar.gz")
        said(cluster, "bundle", "INVENTORY", "--out", str(ticket))
        files = read_bundle(ticket)
        told = json.loads(said(cluster, "explain", str(ticket), "--json", code=3))
        assert "no host was contacted" in said(cluster, "check", "--from", str(ticket))
    assert {f"logs/{name}/ray.log" for name in names(cluster)} <= files.keys()
    assert "well, as far as was looked at" in files["status.txt"] and told["verdict"] == "unknown"
    secrets = [value for name, value in cluster.environment.items() if name in ("VLLM_API_KEY", "HF_TOKEN")]
    assert not [name for name, text in files.items() for secret in secrets if secret in text]


def the_dashboard_wants_the_token_and_takes_it(cluster: Cluster) -> None:
    with tunnel(cluster, "--token") as told:
        page = f"{told['dashboard']}/nodes?view=summary"
        assert answer(page)[0] == 401 and answer(page, "not-the-token")[0] == 403
        code, text = answer(page, told["token"])
    assert code == 200
    nodes = json.loads(text)["data"]["summary"]
    assert {node["ip"] for node in nodes} == {cluster.host(name).address for name in names(cluster)}


def status_has_what_vllm_says_of_its_work(cluster: Cluster) -> None:
    seen = json.loads(said(cluster, "status", "INVENTORY", "--json"))
    assert seen["work"], seen["work_unknown"]
    work = seen["work"]
    assert work["tokens_per_second"] is not None and (work["running"], work["waiting"]) == (0, 0)
    assert 0 <= work["kv_cache"] <= 1 and work["first_token_seconds"] > 0
    (vllm,) = (one for one in seen["hosts"][0]["services"] if one["name"] == "vllm")
    assert vllm["running"] and vllm["model"] == MODEL


def vllms_own_command_works_in_the_environment(cluster: Cluster) -> None:
    assert re.search(r"^\d+\.\d+", said(cluster, "env", "INVENTORY", "head", "--", "vllm", "--version"), re.MULTILINE)


def logs_of_vllm_are_those_of_its_level(cluster: Cluster) -> None:
    words = ("logs", "INVENTORY", "lab-1", "vllm", "-n", "100000", "--json")
    every = [json.loads(line) for line in said(cluster, *words).splitlines()][:-1]
    assert any("Application startup complete" in line["text"] for line in every)
    worse = [json.loads(line) for line in said(cluster, *words, "--level", "warning").splitlines()][:-1]
    assert len(worse) < len(every) and not any("Application startup" in line["text"] for line in worse)


def the_figures_are_where_the_targets_say_by_the_names_of_the_dashboard(cluster: Cluster) -> None:
    with tempfile.TemporaryDirectory() as folder:
        said(cluster, "metrics", "INVENTORY", "--out", folder)
        ((target,),) = (one["targets"] for one in json.loads(Path(folder, "targets/vllm.json").read_text()))
    key = cluster.environment["VLLM_API_KEY"]
    # On hosts with a network of their own for the nodes the server is there, which the inventory does not say.
    head = cluster.host("lab-1")
    target = target.replace(head.address, head.fabric_address or head.address)
    assert answer(f"http://{target}/metrics")[0] == 401
    code, text = answer(f"http://{target}/metrics", key)
    asked = {name for panel in PANELS for expression, _ in panel[2] for name in re.findall(r"vllm:\w+", expression)}
    assert code == 200 and asked and not [name for name in asked if name not in text]


def the_model_answers_through_the_tunnel(cluster: Cluster) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What are you?"}], "max_tokens": 4}
    with tunnel(cluster) as told:
        url = f"{told['base_url']}/chat/completions"
        assert answer(url, body=body)[0] == 401
        code, text = answer(url, cluster.environment["VLLM_API_KEY"], body)
    assert code == 200 and json.loads(text)["choices"][0]["message"]["content"]


OF_RAY: tuple[Look, ...] = (
    status_has_what_ray_has_counted,
    rays_own_command_works_where_it_is_run,
    a_command_runs_on_every_host,
    logs_are_on_one_time_line_with_rays_own,
    a_ticket_has_the_logs_and_tells_no_failure,
)
OF_VLLM: tuple[Look, ...] = (
    status_has_what_vllm_says_of_its_work,
    vllms_own_command_works_in_the_environment,
    logs_of_vllm_are_those_of_its_level,
    the_figures_are_where_the_targets_say_by_the_names_of_the_dashboard,
    the_model_answers_through_the_tunnel,
)
