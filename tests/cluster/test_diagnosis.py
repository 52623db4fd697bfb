"""Why something did not start, told for real: runs of `up` that fail, and the failures of vLLM and Ray themselves.

Three and a half minutes on two cores, for runs of `up` that get as far as their failure. Always run:
tests/unit/diagnosis, on logs that these left, and tests/unit/resources/test_service_logs.py, on lines of several hosts.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from clusters import Cluster, Result
from failing import CASES, PRODUCED, produce

from provision.core.errors import ScriptFailed
from provision.core.script import Fragment, assignments
from provision.lab.demo import MODEL
from provision.lab.tiny_model import write_tiny_model
from provision.resources.service_logs import LogPlaces, ServiceLogs

pytestmark = pytest.mark.long

#: Hosts of namespaces share this machine's kernel, and its log: what it said before is of others.
BEGAN = int(time.time())
LIBRARY = "/usr/lib/x86_64-linux-gnu/libnuma.so.1"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    return make_cluster(
        "test-diagnosis",
        hosts=2,
        gpus=1,
        stack={"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 2},
        layers=(folder / "layer",),
    )


def error(result: Result) -> dict[str, Any]:
    assert result.code == 1, result.stderr
    (found,) = result.report["errors"]
    assert found["message"] in result.stderr
    return dict(found)


def test_an_object_store_that_does_not_fit_is_told_with_what_there_is(cluster: Cluster) -> None:
    cluster.edit(('"object-store-memory": 100000000', '"object-store-memory": 900000000000'))
    told = error(cluster.provision("up"))
    cluster.edit()
    assert told["message"].startswith("Ray head: failed")
    assert "object store takes more memory than lab-1 has" in told["message"]
    assert "lab-1:/home/ops/.provision/clusters/test-diagnosis/lab-1/ray/log" in told["evidence"][0]
    assert "`object-store-memory: 1000000000` in `ray.args`" in told["hint"]


def test_a_library_that_a_worker_lacks_is_told_of_the_worker_though_vllm_ends_on_the_head(cluster: Cluster) -> None:
    cluster.host("lab-2").exec(["mv", LIBRARY, f"{LIBRARY}.away"])
    told = error(cluster.provision("up"))
    cluster.host("lab-2").exec(["mv", f"{LIBRARY}.away", LIBRARY])
    assert (told["host"], "on lab-2: libnuma" in told["message"]) == ("lab-1", True)
    assert "libnuma.so.1: cannot open shared object" in told["evidence"][0]
    assert told["hint"].startswith("on lab-2: `apt install libnuma1")


def test_what_nobody_knows_is_said_to_be_unknown_with_the_best_lines_of_the_hosts(cluster: Cluster) -> None:
    host, python = cluster.host("lab-2"), "/home/ops/.provision/envs/current-test-diagnosis/lib/python3.11"
    worker = f"{python}/site-packages/provision_lab_stand_in/worker.py"
    host.exec(["sh", "-c", f"cp {worker} /tmp/kept; echo 'raise LookupError(\"the flux is inverted\")' >> {worker}"])
    told = error(cluster.provision("up"))
    host.exec(["cp", "/tmp/kept", worker])
    assert told["message"].endswith("; the cause is not known")
    assert any("LookupError: the flux is inverted" in line for line in told["evidence"])
    # The other host's last words are those of every sound start, or the same as here.
    assert "lab-1" in {line.split()[1].partition(":")[0] for line in told["evidence"]}
    assert not [line for line in told["evidence"] if "total (" in line or "Queueing time" in line]
    assert len(told["evidence"]) <= 20


@pytest.fixture(scope="module")
def produced(cluster: Cluster) -> Cluster:
    produce(cluster)
    return cluster


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_failure_of_vllm_or_ray_is_told(produced: Cluster, name: str) -> None:
    case, host = CASES[name], produced.host("lab-1")
    logs = ServiceLogs((LogPlaces("lab-1", host.address, f"{PRODUCED}/{name}", "/absent", "absent", BEGAN, 0.0),))
    script = logs.scripts()["lab-1"]
    said = host.exec(["sh", "-c", assignments(script.vars, str) + script.body])

    failed = {"step": ScriptFailed("lab-1", "vLLM: failed (exit code 1)")}
    told = logs.read(failed, {"lab-1": Fragment(said.returncode, said.stdout, said.stderr)})["step"]

    assert case.told in told.message, (told, said.stdout[-3000:])
    assert f"lab-1:{PRODUCED}/{name}/vllm/log" in told.evidence[0]
    assert case.fix in told.hint
