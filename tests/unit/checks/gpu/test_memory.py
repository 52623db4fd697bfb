"""Who holds memory of the GPUs: ours, somebody else, or nobody who is to be seen."""

from dataclasses import replace
from typing import Any

import pytest
from gpu_samples import board, cluster, facts, geforce, h100, rank, raylet

from provision.checks.gpu.checks import of_gpus
from provision.core.finding import Finding, Severity
from provision.facts import Facts, Gpu, GpuProcess
from provision.inventory.models import Serve
from provision.parallel.settings import UTILIZATION, utilization

BLOCKS, WARNING = Severity.BLOCKS, Severity.WARNING
#: Needs all four GPUs of the two hosts.
MODEL = Serve(model="m", tensor_parallel=2, pipeline_parallel=2)
#: Needs one of them.
SMALL = Serve(model="m")
FULL = {"memory_free_mib": 6000}


def judged(worker: Facts, serve: Serve | None = MODEL, **more: Any) -> list[Finding]:
    return list(of_gpus(cluster(worker, serve=serve, **more)))


def stranger(gpu: Gpu, **more: Any) -> GpuProcess:
    values = {"memory_mib": 71234, "user": "bob", "command": "python train.py"}
    return GpuProcess(4711, gpu.uuid, **{**values, **more})


def host(*processes: GpuProcess, one: Gpu | None = None, **more: Any) -> Facts:
    """Two GPUs; `one` is GPU 1."""
    return board(gpus=(h100(0), one or h100(1)), gpu_processes=processes, **more)


def test_a_model_of_ours_that_runs_is_not_mentioned() -> None:
    gpus = (h100(0, **FULL), h100(1, **FULL))
    worker = facts(*gpus, gpu_processes=tuple(rank(gpu) for gpu in gpus), programs=(raylet(),))
    head = facts(*gpus, gpu_processes=tuple(rank(gpu, "gpu-01") for gpu in gpus), programs=(raylet("gpu-01"),))
    assert judged(worker, head=head) == []


def test_a_process_of_somebody_else_that_leaves_too_little_blocks() -> None:
    (finding,) = judged(host(stranger(h100(1)), one=h100(1, **FULL)))
    assert (finding.host, finding.area, finding.fact) == ("gpu-02", "gpus", "GPU processes")
    assert finding.severity is BLOCKS
    assert finding.message == "not ours: 71234 MiB of GPU 1 by pid 4711 of bob, `python train.py`"
    assert finding.found == "bob (pid 4711)"
    assert "0.92" in finding.why
    assert finding.hint.startswith("run `ps -fp 4711` on gpu-02")


def test_since_when_it_holds_the_gpu_is_told() -> None:
    (finding,) = judged(host(stranger(h100(1), since=3.2 * 3600), one=h100(1, **FULL)))
    assert finding.message.endswith("by pid 4711 of bob, `python train.py`, since 3 h")
    (finding,) = judged(host(stranger(h100(1), since=0.4), one=h100(1, **FULL)))
    assert finding.message.endswith("since 0 s")


def test_a_process_of_somebody_else_that_leaves_enough_is_a_warning() -> None:
    (finding,) = judged(host(stranger(h100(1)), one=h100(1, memory_free_mib=79000)))
    assert finding.severity is WARNING


def test_it_is_a_warning_where_no_model_is_served() -> None:
    (finding,) = judged(host(stranger(h100(1)), one=h100(1, **FULL)), serve=None)
    assert finding.severity is WARNING


def test_it_is_a_warning_while_our_model_runs_on_that_gpu() -> None:
    gpu = h100(1, **FULL)
    (finding,) = judged(host(rank(h100(0)), rank(gpu), stranger(gpu, memory_mib=300), one=gpu))
    assert finding.severity is WARNING
    assert "pid 4711" in finding.message and "pid 1001" not in finding.message


def test_it_is_a_warning_where_other_gpus_will_do() -> None:
    (finding,) = judged(host(stranger(h100(1)), one=h100(1, **FULL)), serve=SMALL)
    assert finding.severity is WARNING


def test_it_blocks_where_the_other_gpus_are_not_known() -> None:
    known = cluster(host(stranger(h100(1)), one=h100(1, **FULL)), serve=SMALL)
    unknown = replace(known, nodes=(replace(known.nodes[0], facts=None), known.nodes[1]))
    (finding,) = of_gpus(unknown)
    assert finding.severity is BLOCKS


def test_several_processes_are_one_finding_that_names_each() -> None:
    worker = host(stranger(h100(0)), GpuProcess(99, h100(1).uuid, 12, user="eve", command="bash"))
    (finding,) = judged(worker)
    assert finding.message.endswith("`python train.py`, and 1 more")
    assert finding.evidence[1] == "12 MiB of GPU 1 by pid 99 of eve, `bash`"
    assert "4711,99" in finding.hint


@pytest.mark.parametrize("mark", ["", "other/gpu-02/ray", "llama/gpu-01/ray", "llama2/gpu-02/ray"])
def test_what_does_not_carry_the_mark_of_this_cluster_and_host_is_not_ours(mark: str) -> None:
    (finding,) = judged(host(stranger(h100(1), user="ubuntu", mark=mark)))
    assert finding.fact == "GPU processes"
    assert mark in finding.message


def test_a_process_that_hides_in_a_container_is_named_by_its_pid() -> None:
    (finding,) = judged(host(GpuProcess(31337, h100(1).uuid, 500)))
    assert finding.message == "not ours: 500 MiB of GPU 1 by pid 31337, hidden from us"
    assert finding.found == "hidden (pid 31337)"
    (finding,) = judged(host(GpuProcess(31337, h100(1).uuid, 500, command="python3")))
    assert finding.message.endswith("by pid 31337, hidden from us, `python3`")


def test_hidden_processes_are_taken_for_our_ranks_where_our_ray_runs_and_shows_none() -> None:
    hidden = GpuProcess(31337, h100(1).uuid, 75000, command="python3")
    assert judged(host(hidden, one=h100(1, **FULL), programs=(raylet(),))) == []
    (finding,) = judged(host(hidden, rank(h100(0)), programs=(raylet(),)))
    assert "31337" in finding.message
    (finding,) = judged(host(hidden, programs=(raylet("gpu-01"),)))
    assert "31337" in finding.message


def test_a_process_on_a_gpu_that_is_not_listed_is_still_named() -> None:
    (finding,) = judged(host(stranger(h100(7))))
    assert "71234 MiB of a GPU by pid 4711" in finding.message
    assert finding.severity is WARNING


def test_memory_that_nobody_holds_blocks_where_the_model_needs_it() -> None:
    (finding,) = judged(host(one=h100(1, **FULL)))
    assert (finding.host, finding.fact, finding.severity) == ("gpu-02", "GPU memory free", BLOCKS)
    assert "75559 of 81559 MiB (GPU 1)" in finding.message
    assert (finding.found, finding.expected) == ("6000 MiB (GPU 1)", "75034 MiB")
    assert "-i 1" in finding.hint


def test_memory_that_nobody_holds_is_a_warning_where_other_gpus_will_do() -> None:
    (finding,) = judged(host(one=h100(1, **FULL)), serve=SMALL)
    assert finding.severity is WARNING


@pytest.mark.parametrize(
    "worker",
    [
        host(one=h100(1, memory_free_mib=76000)),
        host(one=h100(1, **FULL), programs=(raylet(),)),
        facts(geforce(0, memory_free_mib=22700)),
        facts(Gpu(0, "Orin (nvgpu)")),
        facts(h100(0, memory_free_mib=0)),
    ],
    ids=["enough is free", "our Ray runs", "a desktop", "nothing is told", "free is not told"],
)
def test_a_little_memory_in_use_and_our_own_is_not_mentioned(worker: Facts) -> None:
    assert judged(worker) == []


def test_memory_that_nobody_holds_is_told_beside_a_rank_of_ours_that_is_visible() -> None:
    worker = host(rank(h100(0)), one=h100(1, **FULL), programs=(raylet(),))
    (finding,) = judged(worker, serve=SMALL)
    assert (finding.fact, finding.severity) == ("GPU memory free", WARNING)


def test_memory_is_not_missed_where_no_model_is_served() -> None:
    assert judged(host(one=h100(1, **FULL)), serve=None) == []


@pytest.mark.parametrize(
    ("args", "share"),
    [
        ({}, UTILIZATION),
        ({"gpu-memory-utilization": 0.5}, 0.5),
        ({"gpu_memory_utilization": "0.5"}, 0.5),
        ({"gpu-memory-utilization": 1}, 1.0),
        ({"gpu-memory-utilization": "much"}, UTILIZATION),
    ],
)
def test_how_much_the_model_wants_is_what_it_is_told(args: dict[str, Any], share: float) -> None:
    assert utilization(Serve(model="m", args=args)) == share


def test_a_lower_utilization_leaves_room_for_others() -> None:
    worker = host(stranger(h100(1)), one=h100(1, memory_free_mib=50000))
    for share, severity in ((0.5, WARNING), (0.9, BLOCKS)):
        (finding,) = judged(worker, serve=MODEL.model_copy(update={"args": {"gpu-memory-utilization": share}}))
        assert finding.severity is severity
