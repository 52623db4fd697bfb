"""Real Ray on three hosts. The tests are one story, in order: fail early, come up, drift, be repaired, go away."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import day_after
import pytest
from clusters import LIGHT_RAY, Cluster, written

NAMES = ("lab-1", "lab-2", "lab-3")


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    settings = {
        "python": {
            "version": "3.11",
            "packages": ["ray[default]==2.60.0"],
            "wheels": "controller",
            "compile": False,
        },
        "ray": {"args": LIGHT_RAY, "join_timeout": 60, "dashboard": True},
    }
    return make_cluster("test-ray", hosts=3, gpus=2, settings=settings)


def nothing_on_any_host(cluster: Cluster) -> bool:
    return all(not cluster.witness(name).file("/home/ops/.provision").exists for name in NAMES)


def test_a_wrong_driver_on_one_of_three_hosts_stops_up_before_any_is_changed(cluster: Cluster) -> None:
    cluster.host("lab-2").fault(driver="535.161.08")
    result = cluster.provision("up")
    cluster.host("lab-2").fault(clear=True)
    assert result.code == 1
    assert result.status("lab-2") == "blocked"
    assert "535.161.08" in result.text
    assert ">=580" in result.text
    assert nothing_on_any_host(cluster)


def test_too_few_gpus_stop_up_before_any_host_is_changed(cluster: Cluster) -> None:
    cluster.host("lab-3").fault(gpus=1)
    result = cluster.provision("up")
    cluster.host("lab-3").fault(clear=True)
    assert result.code == 1
    assert result.status("lab-3") == "blocked"
    assert nothing_on_any_host(cluster)


def test_a_port_that_is_taken_is_named_with_whose_it_is(cluster: Cluster) -> None:
    listener = "import socket,time; s=socket.create_server(('0.0.0.0',6379)); time.sleep(60)"
    started = cluster.host("lab-1").exec(["sh", "-c", f'setsid python3 -c "{listener}" >/dev/null 2>&1 & echo $!'])
    assert cluster.eventually(lambda: cluster.witness("lab-1").socket("tcp://0.0.0.0:6379").is_listening)
    result = cluster.provision("up")
    cluster.host("lab-1").exec(["kill", started.stdout.strip()])
    assert result.code == 1
    assert result.status("lab-1") == "blocked"
    assert "port 6379" in result.text
    assert nothing_on_any_host(cluster)


def test_an_unreachable_host_is_named_and_the_others_are_still_looked_at(cluster: Cluster) -> None:
    cluster.edit(("port: 22", "port: 22\n  connect_timeout: 2"))
    cluster.host("lab-3").link(up=False)
    result = cluster.provision("up")
    cluster.host("lab-3").link(up=True)
    cluster.edit()
    assert result.code == 4
    assert result.status("lab-3") == "unreachable"
    assert any(e["event"] == "connected" and e["host"] == "lab-1" for e in result.events)
    assert nothing_on_any_host(cluster)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_run_that_is_cut_off_leaves_no_process_on_any_host(cluster: Cluster, sign: int) -> None:
    cluster.interrupted("up", when=lambda line: "unpacked" in line or "installed" in line, sign=sign)
    for name in NAMES:
        gone = cluster.eventually(lambda name=name: not cluster.processes(name, r"\buv[-\d. ]|ray start|sh -s"))
        assert gone, cluster.processes(name, ".")


def test_up_after_a_cut_off_run_finishes_the_job(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert {label for _, label in result.changes} >= {"Ray head", "Ray worker", "Ray members"}


def test_ray_itself_counts_every_node_and_gpu(cluster: Cluster) -> None:
    count = (
        "import ray; ray.init('auto', log_to_driver=False, logging_level='ERROR');"
        "print(sorted((n['NodeManagerAddress'], n['Resources'].get('GPU')) for n in ray.nodes() if n['Alive']))"
    )
    address = cluster.host("lab-1").address
    token = "/home/ops/.provision/clusters/test-ray/lab-1/ray-token"
    asked = cluster.witness("lab-1").run(
        f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token} RAY_ADDRESS={address}:6379 "
        f'/home/ops/.provision/envs/current-test-ray/bin/python -c "{count}"'
    )
    assert asked.rc == 0, asked.stderr
    assert asked.stdout.strip().splitlines()[-1] == str([(cluster.host(n).address, 2.0) for n in NAMES])


def test_ray_refuses_whoever_has_no_token(cluster: Cluster) -> None:
    address = cluster.host("lab-1").address
    asked = cluster.witness("lab-2").run(
        f"RAY_AUTH_MODE=disabled RAY_ADDRESS={address}:6379 timeout 30 "
        "/home/ops/.provision/envs/current-test-ray/bin/ray status"
    )
    assert asked.rc != 0


def test_every_node_advertises_its_own_address(cluster: Cluster) -> None:
    for name in NAMES:
        (raylet,) = cluster.processes(name, r"raylet/raylet ")
        assert f"--node_ip_address={cluster.host(name).address}" in raylet


def test_the_token_is_readable_by_its_owner_alone_and_in_no_command_line(cluster: Cluster) -> None:
    for name in NAMES:
        file = cluster.witness(name).file(f"/home/ops/.provision/clusters/test-ray/{name}/ray-token")
        assert (file.mode, file.user) == (0o600, "ops")
        assert file.content_string not in cluster.host(name).exec(["ps", "-eo", "args"]).stdout


def test_up_again_changes_nothing_and_writes_nothing(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    result = cluster.provision("up")
    assert (result.code, result.changes) == (0, [])
    assert {name: written(cluster, name) for name in NAMES} == before
    for host in result.report["hosts"]:
        assert host["connections"] == 1
        assert host["commands"] <= 3


def test_check_is_in_sync_and_writes_nothing(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    assert cluster.provision("check").code == 0
    assert {name: written(cluster, name) for name in NAMES} == before


@pytest.mark.parametrize(
    "look", [*day_after.OF_RAY, day_after.the_dashboard_wants_the_token_and_takes_it], ids=lambda look: look.__name__
)
def test_the_day_after(cluster: Cluster, look: day_after.Look) -> None:
    look(cluster)


def test_the_librarys_document_runs_as_it_stands(cluster: Cluster) -> None:
    document = Path(__file__).parents[2] / "docs" / "library.md"
    codes = re.findall(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    for code, said in zip(codes, ("", "0\n"), strict=True):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=cluster.lab.directory,
            env=cluster.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_another_version_of_a_package_is_named_and_it_alone_is_repaired(cluster: Cluster) -> None:
    cluster.install("lab-3", "click==8.1.7")
    drift = cluster.provision("check")
    assert drift.code == 3
    assert [drift.status(name) for name in NAMES] == ["ok", "ok", "drift"]
    (change,) = drift.report["plan"]["changes"]
    assert change["differences"][0]["aspect"] == "click"
    assert change["differences"][0]["found"] == "8.1.7"

    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert [host for host, _ in repaired.changes] == ["lab-3"]
    assert cluster.provision("check").code == 0


def test_a_killed_worker_is_named_and_only_what_hangs_on_it_is_restarted(cluster: Cluster) -> None:
    (raylet,) = cluster.processes("lab-2", r"raylet/raylet ")
    head = cluster.processes("lab-1", r"raylet/raylet ")
    cluster.host("lab-2").exec(["kill", "-9", raylet.split()[0]])
    assert cluster.eventually(lambda: cluster.provision("check").code == 3)
    drift = cluster.provision("check")
    assert drift.status("lab-2") == "drift"
    assert drift.status("lab-3") == "ok"

    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert set(repaired.changes) == {("lab-2", "Ray worker"), ("lab-1", "Ray members")}
    assert cluster.processes("lab-1", r"raylet/raylet ") == head


def test_a_changed_flag_restarts_only_the_host_that_it_is_for(cluster: Cluster) -> None:
    old = f'"node_ip": "{cluster.host("lab-3").address}"'
    cluster.edit((old, f'{old}, "env": {{"CUDA_VISIBLE_DEVICES": "0"}}'), ("join_timeout: 60", "join_timeout: 15"))
    planned = cluster.provision("plan")
    assert planned.code == 3
    assert "CUDA_VISIBLE_DEVICES" in planned.text
    assert planned.status("lab-2") == "ok"


@pytest.mark.long
def test_agents_that_outlive_a_killed_gcs_are_in_nobodys_way(cluster: Cluster) -> None:
    """With it Ray's own main process and the raylet end, but not the agents, which listen at ports of ours."""
    (gcs,) = cluster.processes("lab-1", r"gcs/gcs_server ")
    cluster.host("lab-1").exec(["kill", "-9", gcs.split()[0]])
    assert cluster.eventually(lambda: not cluster.processes("lab-1", r"raylet/raylet "), 60)
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert cluster.provision("check").code == 0


@pytest.mark.long  # short: the workers that are held back, below
def test_the_barrier_names_who_brought_too_few_gpus(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 1
    assert "lab-3 (1 of 2 GPUs)" in result.text
    cluster.edit()
    assert cluster.provision("up").code == 0


def test_down_takes_away_processes_ports_and_files_and_twice_is_fine(cluster: Cluster) -> None:
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert not cluster.processes(name, r"ray|gcs_server")
        assert not cluster.witness(name).socket("tcp://6379").is_listening
        assert cluster.witness(name).run("ls -d /tmp/provision-*").rc != 0
        assert cluster.witness(name).file("/home/ops/.provision/envs/current-test-ray").exists
    again = cluster.provision("down")
    assert (again.code, again.changes) == (0, [])


HELD_BACK = """
from provision.core.playbook import Playbook
from provision.stack.ray import Stack


def playbook(cluster):
    book, stack, head = Playbook(), Stack(cluster), cluster.head
    ray = stack.ray_head()
    for resource in (stack.token(head), stack.venv(head), ray, stack.members(ray)):
        book.add(resource, on=head.name)
    return book
"""


def test_the_barrier_names_the_workers_that_are_held_back(cluster: Cluster) -> None:
    cluster.edit(("join_timeout: 60", "join_timeout: 5"))
    playbook = cluster.inventory.with_name("held_back.py")
    playbook.write_text(HELD_BACK)
    result = cluster.provision("up", "--playbook", str(playbook))
    cluster.edit()
    assert result.code == 1
    second, third = (cluster.host(name).address for name in ("lab-2", "lab-3"))
    assert f"did not join Ray in time: lab-2 ({second}), lab-3 ({third})" in result.text


def test_purge_removes_the_environment_too(cluster: Cluster) -> None:
    assert cluster.provision("down", "--purge").code == 0
    for name in NAMES:
        assert not cluster.witness(name).run("ls /home/ops/.provision/envs").stdout.strip()
    again = cluster.provision("down", "--purge")
    assert (again.code, again.changes) == (0, [])
