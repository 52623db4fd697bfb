"""Hosts of one cluster are held against each other where the inventory pins nothing."""

from typing import Any

import pytest
from judge_samples import GIB, cluster, facts, gpus, links, port, told

from provision.checks.facts_table import ROWS
from provision.checks.peer_table import ALIKE
from provision.checks.peers import against_peers
from provision.core.finding import Against, Finding
from provision.facts import Fabric, ModelFolder
from provision.inventory.models import Expect


def odd(count: int, spoiled: dict[int, dict[str, Any]], **made: Any) -> list[Finding]:
    return list(against_peers(cluster(count, spoiled, **made)))


def test_every_fact_that_is_compared_is_a_column() -> None:
    assert set(ALIKE) <= {row.fact for row in ROWS}
    assert {fact for alike in ALIKE.values() for fact in alike.among} <= {row.fact for row in ROWS}


def test_one_host_has_no_peers() -> None:
    assert odd(1, {1: {"kernel": "5.4"}}) == []


@pytest.mark.parametrize("count", [3, 8])
def test_the_one_that_differs_is_named_with_what_the_others_have(count: int) -> None:
    (finding,) = odd(count, {2: {"driver": "575.57.08"}})
    assert (finding.host, finding.fact, finding.found, finding.expected) == (
        "gpu-02", "driver", "575.57.08", "590.48.01",
    )  # fmt: skip
    assert finding.against is Against.PEERS
    assert finding.message == "driver is `575.57.08`, the other hosts have `590.48.01`"
    shown = "gpu-01, gpu-03" if count == 3 else "7 of 8 hosts"
    assert finding.evidence == (f"`590.48.01` on {shown}", "`575.57.08` on gpu-02")


def test_the_head_is_named_where_it_is_the_odd_one() -> None:
    assert told(odd(3, {1: {"kernel": "5.15.0"}})) == [("gpu-01", "kernel", "warning")]


def test_of_two_hosts_the_head_is_the_reference() -> None:
    (finding,) = odd(2, {1: {"driver": "575.57.08"}})
    assert (finding.host, finding.expected) == ("gpu-02", "575.57.08")
    assert finding.message == "driver is `590.48.01`, gpu-01 has `575.57.08`"


def test_in_a_tie_the_heads_half_is_the_reference() -> None:
    found = odd(4, {2: {"kernel": "5.15.0"}, 4: {"kernel": "5.15.0"}})
    assert told(found) == [("gpu-02", "kernel", "warning"), ("gpu-04", "kernel", "warning")]
    assert "gpu-01 has" in found[0].message


def test_in_a_tie_without_the_head_the_first_half_is_the_reference() -> None:
    kernels = {1: {"kernel": "a"}, 2: {"kernel": "b"}, 3: {"kernel": "b"}}
    found = odd(5, kernels)
    assert {(f.host, f.expected) for f in found} == {("gpu-01", "b"), ("gpu-04", "b"), ("gpu-05", "b")}


def test_several_odd_ones_are_held_against_most_hosts() -> None:
    found = odd(8, {2: {"kernel": "a"}, 3: {"kernel": "b"}})
    assert [f.host for f in found] == ["gpu-02", "gpu-03"]
    assert "most hosts have" in found[0].message


def test_hosts_that_were_not_asked_or_do_not_say_are_left_out() -> None:
    assert odd(3, {2: {"kernel": "", "cpus": 0, "memory_bytes": 0, "driver": None}}) == []
    assert told(odd(3, {3: {"kernel": "a"}}, silent=(1,))) == [("gpu-03", "kernel", "warning")]


@pytest.mark.parametrize("fault", ["hung", "lost", "mismatch", "failed"])
def test_gpus_of_a_host_whose_nvidia_smi_fails_are_not_compared(fault: str) -> None:
    assert odd(3, {2: {"gpus": gpus(2, 7), "gpu_fault": fault, "topology": links(7)}}) == []


def test_a_host_without_nvidia_smi_among_hosts_with_gpus_is_named() -> None:
    (finding,) = odd(3, {3: {"gpus": (), "gpu_fault": "missing", "driver": None, "topology": ()}})
    assert (finding.host, finding.fact, finding.found, finding.expected) == ("gpu-03", "GPUs", "0", "8")


def test_hosts_of_which_the_inventory_expects_different_things_are_not_compared() -> None:
    spoiled = {2: {"gpus": gpus(2, 4, name="NVIDIA L4", driver="575.1"), "driver": "575.1", "topology": links(4)}}
    hosts = {2: {"expect": Expect(gpus=4, gpu="L4", driver="575")}}
    assert told(odd(3, spoiled)) == [
        ("gpu-02", "driver", "drift"), ("gpu-02", "GPUs", "drift"), ("gpu-02", "GPU model", "drift"),
    ]  # fmt: skip
    assert odd(3, spoiled, hosts=hosts) == []


def test_hosts_with_the_same_gpus_are_compared_among_each_other() -> None:
    l4 = {"expect": Expect(gpu="L4")}
    spoiled = {i: {"gpus": gpus(i, name="NVIDIA L4", power_limit=72.0 if i < 6 else 60.0)} for i in (4, 5, 6)}
    (finding,) = odd(6, spoiled, hosts={4: l4, 5: l4, 6: l4})
    assert (finding.host, finding.fact, finding.found, finding.expected) == ("gpu-06", "power limit", "60 W", "72 W")


def test_a_host_that_is_reported_is_neither_named_again_nor_an_example() -> None:
    two = cluster(2, {1: {"interfaces": port(1, mtu=1500)}})
    assert [f.host for f in against_peers(two)] == ["gpu-02"]
    assert list(against_peers(two, {("gpu-01", "MTU")})) == []
    assert list(against_peers(two, {("gpu-01", "interface")})) == []


ODD: list[tuple[str, str, dict[str, Any]]] = [
    ("GPUs", "drift", {"gpus": gpus(2, 7), "topology": links(7)}),
    ("GPU model", "drift", {"gpus": gpus(2, name="NVIDIA A100", vbios="1", ecc=False), "topology": links(kind="NV12")}),
    ("VBIOS", "warning", {"gpus": gpus(2, vbios="96.00.30.00.01")}),
    ("ECC", "warning", {"gpus": gpus(2, ecc=False)}),
    ("MIG", "drift", {"gpus": gpus(2, mig=True)}),
    ("persistence", "warning", {"gpus": gpus(2, persistence=False)}),
    ("compute mode", "warning", {"gpus": gpus(2, compute_mode="Exclusive_Process")}),
    ("power limit", "warning", {"gpus": gpus(2, power_limit=500.0)}),
    ("max clock", "warning", {"gpus": gpus(2, sm_clock_max=1500)}),
    ("topology", "warning", {"topology": links(kind="SYS")}),
    ("OS", "warning", {"os_version": "22.04", "kernel": "5.15", "glibc": "2.35"}),
    ("kernel", "warning", {"kernel": "5.15"}),
    ("glibc", "warning", {"glibc": "2.38"}),
    ("open files", "warning", {"nofile_hard": 16384}),
    ("memory", "warning", {"memory_bytes": 1024 * GIB, "shm_bytes": 512 * GIB}),
    ("/dev/shm", "warning", {"shm_bytes": 2 * GIB}),
    ("CPUs", "warning", {"cpus": 96}),
    ("MTU", "drift", {"interfaces": port(2, mtu=1500)}),
    ("link speed", "warning", {"interfaces": port(2, speed=25000)}),
    ("fabric ports", "warning", {"fabrics": (Fabric("mlx5_0", 1, "ACTIVE", "InfiniBand", 200.0),)}),
    ("model folder", "drift", {"model": ModelFolder("/models/llama", True, 36, 131 * GIB, "ffff")}),
]


@pytest.mark.parametrize(("fact", "severity", "spoiled"), ODD, ids=[fact for fact, _, _ in ODD])
def test_what_has_to_be_alike_is_named_once(fact: str, severity: str, spoiled: dict[str, Any]) -> None:
    assert told(odd(4, {2: spoiled})) == [("gpu-02", fact, severity)]


def test_every_fact_of_the_table_but_the_driver_is_spoiled_above() -> None:
    assert {fact for fact, _, _ in ODD} | {"driver"} == set(ALIKE)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"memory_bytes": int(2015 * GIB * 0.95)},
        {"memory_bytes": 4000 * GIB, "shm_bytes": 2000 * GIB},
        {"nofile_hard": 65536},
        {"nofile_hard": 2**63 - 1},
        {"boot_id": "x", "uptime_seconds": 5.0, "disk_free_bytes": 9 * GIB, "hostname": "other"},
        {"gpus": gpus(2, memory_free_mib=100, pcie_gen=1, throttle=0x4)},
        {"model": None},
        {"model": ModelFolder("/models/llama", True, 5000, GIB, "")},
        {"systemd": False},
    ],
    ids=["nearly as much memory", "more memory", "files enough", "files without limit", "its own", "idle", "no folder",
         "a folder too large to read whole", "no systemd"],
)  # fmt: skip
def test_what_may_differ_is_not_named(spoiled: dict[str, Any]) -> None:
    assert odd(4, {2: spoiled}) == []


def test_a_host_that_lost_its_fabric_is_named() -> None:
    card = {"fabrics": (Fabric("mlx5_0", 1, "ACTIVE", "InfiniBand", 400.0),)}
    (finding,) = odd(4, {1: card, 2: card, 4: card})
    assert (finding.host, finding.fact, finding.found) == ("gpu-03", "fabric ports", "none")


def test_of_two_hosts_the_one_without_any_is_named_though_it_is_the_head() -> None:
    bare = {"gpus": (), "gpu_fault": "missing", "driver": None, "topology": ()}
    card = {"fabrics": (Fabric("mlx5_0", 1, "ACTIVE", "InfiniBand", 400.0),)}
    assert told(odd(2, {1: bare})) == [("gpu-01", "GPUs", "drift")]
    assert told(odd(2, {2: card})) == [("gpu-01", "fabric ports", "warning")]


def test_a_hint_names_the_interface_and_the_value_to_type() -> None:
    (finding,) = odd(3, {2: {"interfaces": port(2, mtu=1500)}})
    assert "`sudo ip link set dev bond0 mtu 9000` on gpu-02" in finding.hint


@pytest.mark.parametrize(
    ("spoiled", "typed"),
    [
        ({"ecc": False}, "`sudo nvidia-smi -e 1` on gpu-02, as on gpu-01"),
        ({"mig": True}, "`sudo nvidia-smi -mig 0` on gpu-02"),
        ({"persistence": False}, "`sudo nvidia-smi -pm 1` on gpu-02"),
        ({"compute_mode": "Exclusive_Process"}, "`sudo nvidia-smi -c DEFAULT` on gpu-02"),
        ({"power_limit": 500.0}, "`sudo nvidia-smi -pl 700` on gpu-02"),
    ],
)
def test_a_hint_about_a_setting_can_be_typed_as_it_is(spoiled: dict[str, Any], typed: str) -> None:
    (finding,) = odd(3, {2: {"gpus": gpus(2, **spoiled)}})
    assert typed in finding.hint


def test_two_hundred_equal_hosts_have_nothing_to_tell() -> None:
    assert odd(200, {}) == []
    assert facts(200).boot_id != facts(199).boot_id
