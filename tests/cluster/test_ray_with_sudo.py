"""Real Ray on two hosts with `sudo: true`. One story: units of systemd, processes of their own user, root's files."""

from collections.abc import Callable

import pytest
from clusters import LIGHT_RAY, Cluster

NAMES = ("lab-1", "lab-2")
ROOT = "/opt/provision"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    settings = {
        "sudo": True,
        "firewall": True,
        "python": {
            "version": "3.11",
            "packages": ["ray[default]==2.60.0"],
            "wheels": "controller",
            "compile": False,
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
    listing = said(cluster, name, "find", ROOT, "/run/systemd/system", "-printf", "%p %T@ %C@\n")
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


def test_a_killed_worker_is_named_and_repaired_under_systemd(cluster: Cluster) -> None:
    head = raylet(cluster, "lab-1")
    said(cluster, "lab-2", "kill", "-9", raylet(cluster, "lab-2"))
    assert cluster.eventually(lambda: cluster.provision("check").code == 3)
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert set(repaired.changes) == {("lab-2", "Ray worker"), ("lab-1", "Ray members")}
    assert said(cluster, "lab-2", "systemctl", "is-active", unit("lab-2")) == "active"
    assert raylet(cluster, "lab-1") == head


def test_a_host_that_was_restarted_is_named_and_brought_back(cluster: Cluster) -> None:
    cluster.host("lab-2").reboot()
    drift = cluster.provision("check")
    assert (drift.code, drift.status("lab-1"), drift.status("lab-2")) == (3, "drift", "drift")
    assert "its process is gone" in drift.text
    repaired = cluster.provision("up")
    assert repaired.code == 0, repaired.stderr
    assert ("lab-2", "Ray worker") in repaired.changes
    assert said(cluster, "lab-2", "systemctl", "is-active", unit("lab-2")) == "active"
    assert cluster.provision("check").code == 0


def test_down_removes_the_units_and_what_they_ran(cluster: Cluster) -> None:
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert cluster.processes(name, r"raylet|gcs_server|ray start") == []
        assert said(cluster, name, "systemctl", "list-units", "--all", "--plain", "--no-legend", "provision-*") == ""
        assert said(cluster, name, "find", "/run/systemd/system", "-name", "provision-*") == ""
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
