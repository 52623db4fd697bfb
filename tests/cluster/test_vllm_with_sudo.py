"""Real vLLM with `sudo: true`: a hardened unit of a user of its own, who has nothing but its caches, and an API that
speaks HTTPS. Three minutes on two cores, most of them for an environment that root alone may change.

Always run: real Ray so (test_ray_with_sudo.py), units so (tests/hosts/test_sudo_mode.py), and real vLLM (test_mp.py)
without it."""

import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from clusters import PROVISION, Cluster

from provision.lab.demo import MODEL
from provision.lab.tiny_model import write_tiny_model
from provision.resources.hardening import DIRECTIVES

pytestmark = pytest.mark.long

KEY = "canary-2f0c"
#: The first is the unit's main process, the second has the model.
API, ENGINE = r"bin/vllm serve ", r"VLLM::EngineCore"
UNIT = "provision-test-sudo-vllm-lab-1-vllm.service"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    made = make_cluster(
        "test-sudo-vllm",
        hosts=1,
        gpus=1,
        stack={"model": MODEL, "backend": "mp", "tensor_parallel": 1, "pipeline_parallel": 1, "compiled": True},
        settings={
            "sudo": True,
            "secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}},
            "ray": {"join_timeout": 600},
        },
        layers=(folder / "layer",),
    )
    made.environment["VLLM_API_KEY"] = KEY
    made.edit(("port: 8000", "port: 8000\n  tls: true"))
    return made


def said(cluster: Cluster, *argv: str) -> str:
    """What a command prints that root runs on the host."""
    return cluster.host("lab-1").exec(argv).stdout.strip()


def test_it_serves_as_a_user_of_its_own_and_nothing_is_left_to_change(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert any("a chat completion answered from here" in e["text"] for e in result.events if e["event"] == "note")
    assert said(cluster, "systemctl", "show", "-P", "User", UNIT) == "provision"
    owners = said(cluster, "sh", "-c", "ps -eo user:20,args | grep -E '[/]envs/|[V]LLM::'").splitlines()
    assert owners and all(line.startswith("provision ") for line in owners)
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


def test_its_api_speaks_https_alone_and_clients_know_it_by_what_up_has_kept_and_printed(cluster: Cluster) -> None:
    address = f"{cluster.host('lab-1').address}:8000"
    trusting = ssl.create_default_context(cafile=cluster.state / cluster.lab.name / "api.pem")
    with urllib.request.urlopen(f"https://{address}/health", timeout=60, context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{address}/health", timeout=60, context=ssl.create_default_context())
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://{address}/health", timeout=60)
    up = [PROVISION, "up", str(cluster.inventory)]
    lines = subprocess.run(up, env=cluster.environment, capture_output=True, text=True, check=True).stdout.splitlines()
    curl = next(line for line in lines if line.startswith("curl "))
    assert f"https://{address}/v1/" in curl
    asked = subprocess.run(["sh", "-c", curl], env=cluster.environment, capture_output=True, text=True, check=True)
    assert '"choices"' in asked.stdout
    other = curl.replace("sha256//", "sha256//AAAA")
    assert subprocess.run(["sh", "-c", other], env=cluster.environment, capture_output=True, check=False).returncode


def test_another_controller_takes_its_certificate_over_and_the_key_is_its_users_alone(cluster: Cluster) -> None:
    elsewhere = {"PROVISION_STATE_DIR": str(cluster.state / "elsewhere")}
    planned = cluster.provision("plan", environment=elsewhere)
    assert (planned.code, planned.report["plan"]["changes"]) == (0, [])
    file = "/opt/provision/clusters/test-sudo-vllm/lab-1/vllm-tls.pem"
    assert said(cluster, "stat", "-c", "%a %U", file) == "600 provision"


def test_smoke_and_bench_ask_over_https_and_show_the_key_to_nobody_else(cluster: Cluster) -> None:
    smoke = cluster.provision("smoke")
    assert smoke.code == 0, smoke.stderr
    bench = cluster.provision("bench", "--requests", "2", "--input-tokens", "8", "--output-tokens", "4")
    assert (bench.code, bench.events[-1]["completed"]) == (0, 2), bench.stderr


def test_its_unit_has_every_directive_of_the_table(cluster: Cluster) -> None:
    shown = dict(line.partition("=")[::2] for line in said(cluster, "systemctl", "show", UNIT).splitlines())
    for one in DIRECTIVES:
        if one.value is None:
            continue
        # What systemd makes of a list, it sorts.
        assert sorted(shown.get(one.name, "").split()) == sorted(one.value.split()), one.name
    # systemctl does not tell a list that is empty from one that it does not know.
    status = said(cluster, "sh", "-c", f"cat /proc/$(systemctl show -P MainPID {UNIT})/status")
    assert {"NoNewPrivs:\t1", "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000"} <= {*status.splitlines()}


def process(cluster: Cluster, pattern: str) -> str:
    """The id of the one process whose command line or title is such; empty where there is none."""
    return (cluster.processes("lab-1", pattern) or [""])[0].split(" ")[0]


def back(cluster: Cluster, former: str) -> bool:
    """Nobody does anything about it: `check` writes nothing, and asks the model."""

    def is_back() -> bool:
        return process(cluster, API) not in ("", former) and cluster.provision("check").code == 0

    return cluster.eventually(is_back, seconds=600)


@pytest.mark.parametrize("killed", ["engine", "api"])
def test_it_answers_again_when_a_process_was_killed(cluster: Cluster, killed: str) -> None:
    former = process(cluster, API)
    said(cluster, "kill", "-9", process(cluster, ENGINE if killed == "engine" else API))
    assert cluster.eventually(lambda: "starting again" in cluster.provision("check").text, seconds=60)
    assert back(cluster, former)
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


def test_it_answers_again_when_the_power_was_gone(cluster: Cluster) -> None:
    cluster.host("lab-1").kill()
    cluster.host("lab-1").start()
    assert back(cluster, "")
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


def test_an_engine_that_was_stopped_is_noticed_and_restarted_by_up(cluster: Cluster) -> None:
    """The process with the API says that it is well."""
    former = process(cluster, API)
    said(cluster, "kill", "-STOP", process(cluster, ENGINE))
    drift = cluster.provision("check")
    assert drift.code == 3
    assert "no answer to a question within 20 s" in drift.text
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert process(cluster, API) not in ("", former)
    assert cluster.provision("check").code == 0


def test_what_its_user_owns_is_its_home_the_weights_and_the_apis_key(cluster: Cluster) -> None:
    find = "find / -xdev -user provision -not -path '/proc/*' -not -path '/dev/shm/*'"
    home, weights = "/var/lib/provision/home/provision", "/opt/provision/models"
    key = "/opt/provision/clusters/test-sudo-vllm/lab-1/vllm-tls.pem"
    found = said(cluster, "sh", "-c", f"{find} -not -path {key}").splitlines()
    assert [path for path in found if not path.startswith((home, weights))] == []
    assert any(path.startswith(f"{home}/tmp/") for path in found), "vLLM's sockets are in /tmp, under names for anyone"


def test_down_and_purge_leave_neither_processes_nor_the_user(cluster: Cluster) -> None:
    assert cluster.provision("down", "--purge").code == 0
    assert said(cluster, "sh", "-c", "ps -eo args | grep -E '[/]envs/|[V]LLM::'") == ""
    assert said(cluster, "sh", "-c", "getent passwd provision; find / -xdev -nouser -not -path '/proc/*'") == ""
    assert cluster.provision("down", "--purge").changes == []
