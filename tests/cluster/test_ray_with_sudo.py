"""Real Ray on two hosts with `sudo: true`. One story: units of systemd, processes of their own user, root's files."""

from collections.abc import Callable

import pytest
from clusters import LIGHT_RAY, Cluster

NAMES = ("lab-1", "lab-2")
ROOT = "/opt/provision"
FOLDER = f"{ROOT}/clusters/test-sudo"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    settings = {
        "sudo": True,
        "firewall": True,
        "python": {
            "version": "3.11",
            "packages": ["ray[default]==2.60.0"],
            "wheels": "controller",
        },
        "ray": {"args": LIGHT_RAY, "join_timeout": 60},
    }
    return make_cluster("test-sudo", hosts=2, gpus=2, settings=settings, sudo=True)


def said(cluster: Cluster, name: str, *argv: str) -> str:
    """What a command prints that root runs on the host."""
    return cluster.host(name).exec(argv).stdout.strip()


def unit(name: str) -> str:
    return f"provision-test-sudo-{name}-ray.service"


def files(cluster: Cluster, name: str) -> dict[str, str]:
    """Path → times of the last changes, of all that we write on the host, except a log that its service writes."""
    listing = said(cluster, name, "find", ROOT, "/etc/systemd/system", "/run/systemd/system", "-printf", "%p %T@ %C@\n")
    lines = [line.split(" ", 1) for line in listing.splitlines()]
    return {path: when for path, when in lines if not path.endswith("/log")}


def raylet(cluster: Cluster, name: str) -> str:
    """The process id of the node's one raylet."""
    (found,) = cluster.processes(name, r"raylet/raylet ")
    return found.split()[0]


def test_up_starts_a_unit_of_systemd_on_every_host(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert said(cluster, name, "systemctl", "is-active", unit(name)) == "active"


def test_ray_runs_as_a_user_of_its_own_without_more_rights(cluster: Cluster) -> None:
    for name in NAMES:
        owners = said(cluster, name, "ps", "-o", "user=", "-p", raylet(cluster, name))
        assert owners == "provision"
        status = said(cluster, name, "cat", f"/proc/{raylet(cluster, name)}/status")
        assert {"NoNewPrivs:\t1", "CapBnd:\t0000000000000000"} <= {*status.splitlines()}
        listed = said(cluster, name, "ps", "-eo", "user=,args=").splitlines()
        assert [line for line in listed if line.startswith("root") and "/envs/" in line] == []


def test_the_environment_is_roots_and_the_token_is_the_users_alone(cluster: Cluster) -> None:
    for name in NAMES:
        foreign = said(cluster, name, "find", f"{ROOT}/envs", "!", "-user", "root")
        assert foreign == ""
        token = f"{ROOT}/clusters/test-sudo/{name}/ray-token"
        assert said(cluster, name, "stat", "-c", "%a %U", token) == "600 provision"
        assert said(cluster, name, "cat", token) not in said(cluster, name, "ps", "-eo", "args")


def test_the_user_reads_no_service_s_folder_and_writes_nothing_of_roots(cluster: Cluster) -> None:
    for name in NAMES:
        witness = cluster.witness(name)
        assert "Permission denied" in witness.run(f"ls {ROOT}/clusters/test-sudo/{name}/ray").stderr
        # uv lets everybody lock an environment.
        assert witness.run(f"find {ROOT} -user root -writable ! -type l ! -name .lock").stdout == ""


def test_up_again_changes_nothing_and_writes_nothing(cluster: Cluster) -> None:
    before = {name: files(cluster, name) for name in NAMES}
    result = cluster.provision("up")
    assert (result.code, result.changes) == (0, [])
    assert {name: files(cluster, name) for name in NAMES} == before


def test_a_token_that_belongs_to_root_is_given_back(cluster: Cluster) -> None:
    token = f"{ROOT}/clusters/test-sudo/lab-2/ray-token"
    said(cluster, "lab-2", "chown", "root", token)
    drift = cluster.provision("check")
    assert (drift.code, drift.status("lab-1"), drift.status("lab-2")) == (3, "ok", "drift")
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert [host for host, _ in repaired.changes] == ["lab-2"]
    assert said(cluster, "lab-2", "stat", "-c", "%U", token) == "provision"


def in_sync_again(cluster: Cluster) -> bool:
    """Nobody does anything about it: `check` writes nothing."""
    return cluster.eventually(lambda: cluster.provision("check").code == 0, seconds=400)


def test_a_killed_worker_is_named_and_joins_again_by_itself(cluster: Cluster) -> None:
    head, worker = raylet(cluster, "lab-1"), raylet(cluster, "lab-2")
    said(cluster, "lab-2", "kill", "-9", worker)
    drift = cluster.provision("check")
    assert (drift.code, drift.status("lab-2")) == (3, "drift")
    assert in_sync_again(cluster)
    assert raylet(cluster, "lab-1") == head
    assert raylet(cluster, "lab-2") != worker
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


@pytest.mark.long
def test_a_head_whose_store_was_killed_is_a_new_one_that_the_worker_joins(cluster: Cluster) -> None:
    worker = raylet(cluster, "lab-2")
    (store,) = cluster.processes("lab-1", r"gcs/gcs_server ")
    said(cluster, "lab-1", "kill", "-9", store.split()[0])
    assert in_sync_again(cluster)
    assert raylet(cluster, "lab-2") != worker
    assert "provision: Ray's control store is gone" in said(cluster, "lab-2", "cat", f"{FOLDER}/lab-2/ray/log")
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


@pytest.mark.long
def test_a_host_that_was_restarted_comes_back_by_itself(cluster: Cluster) -> None:
    for name in (*NAMES[1:], NAMES[0]):
        cluster.host(name).reboot()
        assert in_sync_again(cluster)
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


@pytest.mark.long
def test_a_raylet_that_was_stopped_is_noticed_and_restarted(cluster: Cluster) -> None:
    """Its kernel still takes connections for it."""
    worker = raylet(cluster, "lab-2")
    said(cluster, "lab-2", "kill", "-STOP", worker)
    drift = cluster.provision("check")
    assert (drift.code, drift.status("lab-2")) == (3, "drift")
    assert "the raylet does not answer" in drift.text
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert ("lab-2", "Ray worker") in repaired.changes
    assert raylet(cluster, "lab-2") != worker


def test_down_removes_the_units_and_what_they_ran(cluster: Cluster) -> None:
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert cluster.processes(name, r"raylet|gcs_server|ray start") == []
        assert said(cluster, name, "systemctl", "list-units", "--all", "--plain", "--no-legend", "provision-*") == ""
        assert said(cluster, name, "find", "/etc/systemd", "/run/systemd/system", "-name", "provision-test-*") == ""
        assert said(cluster, name, "find", f"{ROOT}/clusters", "-type", "f") == ""
        assert said(cluster, name, "sh", "-c", "ls -d /tmp/provision-* /tmp/ray /dev/shm/* 2>/dev/null") == ""
    again = cluster.provision("down")
    assert (again.code, again.changes) == (0, [])


def test_purge_leaves_no_file_of_roots_and_no_user(cluster: Cluster) -> None:
    assert cluster.provision("down", "--purge").code == 0
    for name in NAMES:
        assert said(cluster, name, "getent", "passwd", "provision") == ""
        assert said(cluster, name, "find", "/var/lib/provision") == ""
        assert said(cluster, name, "sh", "-c", f"find {ROOT} -type f 2>/dev/null") == ""
