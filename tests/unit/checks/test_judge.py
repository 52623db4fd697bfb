"""All judges together: a sound cluster gives no finding, a fault gives one, and no text makes them fail."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge_samples import cluster, gpus, links, name, port, stranger, told

from provision.checks.inhibition import CAUSES, without_consequences
from provision.checks.judge import findings, judge
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import AREAS, Against, Finding, Severity
from provision.core.playbook import Playbook
from provision.facts import Fabric, GpuProcess, ModelFolder, read_facts
from provision.inventory.models import Expect


@pytest.mark.parametrize("count", range(1, 17))
def test_a_sound_cluster_of_any_size_has_no_finding(count: int) -> None:
    assert findings(cluster(count)) == []


def test_sound_machines_without_gpus_have_none_either() -> None:
    bare: dict[str, Any] = {"gpus": (), "driver": None, "driver_module": None, "driver_library": None, "cuda": ""}
    bare |= {"gpu_fault": "missing", "topology": (), "nvlinks": (), "fabric_manager": "", "programs": ()}
    assert findings(cluster(3, dict.fromkeys((1, 2, 3), bare), serve=None)) == []


PRINTED = Path(__file__).parents[1] / "facts" / "data"


#: A fault of gpu-02 of four hosts → the one finding that it is.
FAULTS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("another driver", {"driver": "585.10.01", "driver_module": "585.10.01", "driver_library": "585.10.01",
                        "cuda": "13.0", "gpus": gpus(2, driver="585.10.01")}, ("driver", "drift")),
    ("a GPU is gone", {"gpus": gpus(2, 7), "topology": links(7)}, ("GPUs", "drift")),
    ("other GPUs", {"gpus": gpus(2, name="NVIDIA A100-SXM4-80GB", vbios="92.00", power_limit=400.0, power_default=400.0,
                                 sm_clock_max=1410, compute_capability="8.0"), "topology": links(kind="NV12")},
     ("GPU model", "drift")),
    ("a driver that is not loaded", {"gpus": (), "driver": None, "gpu_fault": "no-driver", "gpu_error": "x",
                                     "topology": (), "nvlinks": ()}, ("nvidia-smi", "warning")),
    ("an upgrade without a reboot", {"gpus": (), "driver": None, "gpu_fault": "mismatch", "gpu_error": "x",
                                     "driver_library": "590.60.01", "topology": (), "nvlinks": (),
                                     "printed": {"reboot": "required"}}, ("nvidia-smi", "warning")),
    ("a reboot is due", {"printed": {"reboot": "required"}}, ("reboot", "warning")),
    ("a smaller MTU", {"interfaces": port(2, mtu=1500)}, ("MTU", "drift")),
    ("a link at a lower speed", {"interfaces": port(2, speed=100000)}, ("link speed", "warning")),
    ("a link that is down", {"interfaces": port(2, mtu=1500, speed=None, up=False)}, ("interface", "blocks")),
    ("a fabric that the others lack", {"fabrics": (Fabric("mlx5_0", 1, "ACTIVE"),)}, ("fabric ports", "warning")),
    ("little shared memory", {"shm_bytes": 64 * 2**20}, ("/dev/shm", "warning")),
    ("less memory", {"memory_bytes": 1000 * 2**30, "shm_bytes": 500 * 2**30}, ("memory", "warning")),
    ("a disk that is full", {"disk_free_bytes": 0}, ("disk free", "warning")),
    ("another kernel", {"kernel": "6.8.0-90-generic"}, ("kernel", "warning")),
    ("another system", {"os_version": "22.04", "kernel": "5.15.0-1", "glibc": "2.35"}, ("OS", "warning")),
    ("few open files", {"nofile_hard": 4096}, ("open files", "warning")),
    ("a clock that is late", {"clock_offset": -12.0}, ("clock", "warning")),
    ("a clock in another year", {"clock_offset": 3.2e7}, ("clock", "drift")),
    ("no model", {"model": ModelFolder("/models/llama")}, ("model folder", "blocks")),
    ("another model", {"model": ModelFolder("/models/llama", True, 35, 2**30, "aaaa")}, ("model folder", "drift")),
    ("a Ray of somebody else", {"programs": (stranger("raylet"), stranger("gcs_server", 78))},
     ("other Ray", "warning")),
    ("fewer CPUs", {"cpus": 96}, ("CPUs", "warning")),
    ("the same machine", {"boot_id": "00000001-6a5c-4f3e-9a57-b0f4cc1d2c11", "interfaces": port(1), "gpus": gpus(1)},
     ("boot", "blocks")),
]  # fmt: skip


@pytest.mark.parametrize(("spoiled", "expected"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_one_fault_is_one_finding_on_its_host(spoiled: dict[str, Any], expected: tuple[str, str]) -> None:
    found = findings(cluster(4, {2: spoiled}))
    assert told(found) == [("gpu-02", *expected)]
    for finding in found:
        assert finding.area in AREAS
        assert finding.message and finding.why
        assert finding.hint and "{" not in finding.hint


def test_what_the_inventory_expects_is_said_before_the_peers_and_not_twice() -> None:
    hosts = {i: {"expect": Expect(gpus=8)} for i in range(1, 5)}
    (finding,) = findings(cluster(4, {2: {"gpus": gpus(2, 7), "topology": links(7)}}, hosts=hosts))
    assert (finding.host, finding.fact, finding.against) == ("gpu-02", "GPUs", Against.INVENTORY)


def test_a_head_that_is_reported_already_is_no_example_for_its_worker() -> None:
    hosts = {i: {"expect": Expect(gpus=8)} for i in (1, 2)}
    found = findings(cluster(2, {1: {"gpus": gpus(1, 7), "topology": links(7)}}, hosts=hosts))
    assert told(found) == [("gpu-01", "GPUs", "blocks")]


def test_a_consequence_is_left_out_on_the_host_of_its_cause_alone() -> None:
    cause = Finding("gpu-01", "drivers", "nvidia-smi", Severity.BLOCKS)
    found = [cause, *(Finding(host, "gpus", "GPUs", Severity.DRIFT) for host in ("gpu-01", "gpu-02"))]
    assert told(without_consequences(found)) == [("gpu-01", "nvidia-smi", "blocks"), ("gpu-02", "GPUs", "drift")]


def test_a_consequence_that_is_worse_than_its_cause_is_said() -> None:
    found = [Finding("a", "network", "interface", Severity.WARNING), Finding("a", "network", "MTU", Severity.DRIFT)]
    assert without_consequences(found) == found


def test_no_fact_is_a_cause_of_itself_by_any_way() -> None:
    def reaches(fact: str, target: str, seen: frozenset[str] = frozenset()) -> bool:
        causes = CAUSES.get(fact, ())
        return target in causes or any(reaches(c, target, seen | {c}) for c in causes if c not in seen)

    assert [fact for fact in CAUSES if reaches(fact, fact)] == []


@pytest.mark.parametrize(
    "spoiled",
    [
        {"os_version": "20.04", "glibc": "2.31", "kernel": "5.4"},
        {
            "arch": "aarch64",
            "kernel": "6.8.0-86-generic-64k",
            "cpus": 144,
            "memory_bytes": 480 * 2**30,
            "shm_bytes": 240 * 2**30,
        },
    ],
    ids=["glibc", "architecture"],
)
def test_a_host_that_the_environment_is_not_locked_for_is_said_by_whoever_locks(spoiled: dict[str, Any]) -> None:
    assert findings(cluster(4, {2: spoiled})) == []


def test_a_stranger_that_holds_a_gpu_is_named_once() -> None:
    spoiled = {
        "programs": (stranger("vllm"),),
        "gpu_processes": (GpuProcess(77, gpus(2)[0].uuid, 9000, "bob", "vllm"),),
    }
    assert [f.fact for f in findings(cluster(3, {2: spoiled}))] == ["GPU processes"]


def test_the_book_holds_what_is_known_of_every_host_that_was_asked() -> None:
    book = Playbook()
    judge(cluster(3, silent=(3,)), book)
    assert sorted(book.known) == [name(1), name(2)]
    assert book.findings == []


#: Lines as hosts print them, to be put together in any order, and some that no host prints.
LINES = [line for file in sorted(PRINTED.glob("written_*.txt")) for line in file.read_text().splitlines()]
ODD = ["hung", "missing", "rc=0", "[N/A], {x}, %s", f"glibc=glibc 2.{'9' * 5000}", "boot_id=", "clock=0",
       "nofile_hard=unlimited", "tmpfs 1 0 1 0% /dev/shm", "mlx5_0|1|1: DOWN|InfiniBand|10 Gb/sec", "@model",
       "there=yes", "path=/m"]  # fmt: skip
LINE = st.sampled_from(LINES) | st.sampled_from(ODD) | st.text(max_size=20)
CUT = st.tuples(st.integers(0, len(LINES)), st.integers(0, 200)).map(lambda cut: LINES[cut[0] : sum(cut)])
TEXT = st.tuples(CUT, st.lists(LINE, max_size=25), CUT).map(lambda parts: "\n".join([*parts[0], *parts[1], *parts[2]]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(TEXT, min_size=1, max_size=4), asked=st.sampled_from([None, 1795219775.0]))
def test_no_text_of_a_host_makes_a_judge_fail(texts: list[str], asked: float | None) -> None:
    made = cluster(len(texts))
    nodes = tuple(Node(n.host, read_facts(t, asked_at=asked)) for n, t in zip(made.nodes, texts, strict=True))
    book = Playbook()
    judge(Cluster(made.inventory, nodes, made.lock, {}), book)
    assert all(f.area in AREAS and f.message for f in book.findings)
    assert all(known.value for cells in book.known.values() for known in cells)
