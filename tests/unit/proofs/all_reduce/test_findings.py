"""What is made of the hosts' answers to the all-reduce. NCCL's lines are in the shape of its documentation and source:
none of it was recorded, since no GPU was at hand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import ConnectionLost
from provision.core.finding import Finding, Severity
from provision.core.proof import Shown
from provision.core.script import Fragment
from provision.proofs.all_reduce.participant import Participant
from provision.proofs.all_reduce.proof import AllReduce
from provision.proofs.all_reduce.speed import rate, slow, transports

LOGS = Path(__file__).parent
IB = (LOGS / "nccl_ib_as_documented.log").read_text().splitlines()
SOCKETS = (LOGS / "nccl_sockets_as_documented.log").read_text().splitlines()
RDMA = ("mlx5_0", "mlx5_1")
PEER = (
    "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.10.0.3]:41"
)
MIB = 2**20


def participants(count: int = 3, **more: Any) -> tuple[Participant, ...]:
    return tuple(
        Participant(f"gpu-{i:02d}", f"10.10.0.{i}", "eth1", "/e", **{"carries": "eth1", **more})
        for i in range(1, count + 1)
    )


def read(
    proof: AllReduce,
    outcome: str,
    why: Sequence[str] = (),
    told: Mapping[str, Mapping[str, Any]] | None = None,
    printed: Mapping[str, Mapping[str, Any]] | None = None,
) -> Shown:
    """`told`: what each host said to the lead; `printed`: what it printed itself."""
    sat = {
        name: {
            "stage": "adding up 1 MiB",
            "step": 4,
            "gpus": 0,
            "cuda": "",
            "nccl": "",
            "silent": 0.3,
            **words,
        }
        for name, words in (told or {}).items()
    }
    lead = json.dumps({"outcome": outcome, "why": list(why), "seats": sat})
    lines = {one.host: f"host={json.dumps((printed or {}).get(one.host, {}))}\n" for one in proof.participants}
    lines[proof.participants[0].host] += f"lead={lead}\n"
    return proof.read({name: Fragment(0, f"::progress joining\n{text}", "") for name, text in lines.items()}, {})


def only(shown: Shown) -> Finding:
    (finding,) = shown.findings
    return finding


PROOF = AllReduce("llama", participants())
WHOLE = {"ranks": 3, "latency": 0.0004, "size": 64 * MIB, "seconds": 0.0745}


def measured(proof: AllReduce = PROOF, ways: Sequence[str] = (), pairs: Sequence[Any] = (), **all_of: Any) -> Shown:
    told = {one.host: {"result": {}, **all_of} for one in proof.participants}
    told[proof.participants[0].host]["result"] = {**WHOLE, "pairs": list(pairs)}
    return read(proof, "done", told=told, printed={one.host: {"ways": list(ways)} for one in proof.participants})


def test_a_sound_cluster_says_how_fast_and_over_what_and_nothing_else() -> None:
    shown = measured()
    assert shown.findings == ()
    assert shown.notes == (("", "all-reduce over 3 hosts (gloo, eth1): 0.9 GB/s, latency 0.4 ms"),)
    assert [cell.value for cell in shown.known["gpu-02"]] == ["0.9 GB/s"]


def test_with_gpus_bus_bandwidth_and_transport_are_told() -> None:
    shown = measured(AllReduce("llama", participants(2, gpus=8, rdma=RDMA)), IB, gpus=8, nccl="2.27.3", cuda="12.9")
    assert shown.findings == ()
    ((_, text),) = shown.notes
    assert text.startswith(
        "all-reduce over 3 GPUs of 2 hosts (nccl 2.27.3, IB with GPUDirect RDMA): 0.9 GB/s (bus 1.2 GB/s)"
    )


@pytest.mark.parametrize(
    ("lines", "ways"),
    [
        (IB, ["IB with GPUDirect RDMA"]),
        (SOCKETS, ["sockets"]),
        (IB[:5], ["NVLink or PCIe (P2P)"]),
        (["x NCCL INFO Channel 00 : 0[0] -> 1[1] via SHM/direct/direct"], ["shared memory"]),
        (["x NCCL INFO Channel 00/0 : 8[0] -> 0[0] [send] via NET/OFI/0/GDRDMA"], ["OFI with GPUDirect RDMA"]),
        (["x NCCL INFO Channel 00/0 : 8[0] -> 0[0] [send] via NET/AWS Libfabric/0"], ["AWS Libfabric"]),
        (["x NCCL INFO Channel 00/0 : 8[0] -> 0[0] [send] via NET/IB/3"], ["IB"]),
        ([], []),
    ],
)  # fmt: skip
def test_the_transport_is_read_from_nccls_channels(lines: list[str], ways: list[str]) -> None:
    assert transports(lines) == ways


def test_sockets_where_there_is_rdma_are_a_warning_with_nccls_reason() -> None:
    proof = AllReduce("llama", participants(2, gpus=8, rdma=RDMA))
    finding = only(measured(proof, SOCKETS, gpus=8, nccl="2.27.3"))
    assert (finding.host, finding.severity) == ("", Severity.WARNING)
    assert "gpu-01 mlx5_0/mlx5_1" in finding.message
    assert any("NET/IB : No device found" in line for line in finding.evidence)


@pytest.mark.parametrize("more", [{"rdma": ()}, {"rdma": RDMA, "environment": {"NCCL_IB_DISABLE": "1"}}])
def test_sockets_are_fine_where_there_is_nothing_else_or_it_was_asked_for(more: dict[str, Any]) -> None:
    assert measured(AllReduce("llama", participants(2, gpus=8, **more)), SOCKETS, gpus=8, nccl="2.27.3").findings == ()


def test_a_torch_for_cuda_that_finds_no_gpu_is_named() -> None:
    shown = measured(AllReduce("llama", participants(2, gpus=8)), cuda="12.9")
    assert [(f.host, f.severity) for f in shown.findings] == [(h, Severity.WARNING) for h in ("gpu-01", "gpu-02")]
    assert measured(AllReduce("llama", participants(2, gpus=8)), cuda="").findings == ()  # a CPU build looks for none


def pairs_of(speeds: Mapping[tuple[int, int], float]) -> dict[tuple[str, str], float]:
    return {(f"gpu-{a:02d}", f"gpu-{b:02d}"): speed * 1e9 for (a, b), speed in speeds.items()}


def test_one_slow_host_stands_out_by_name_however_it_is_slow() -> None:
    # What gpu-02 sends is slow; what it receives is not.
    speeds = {(1, 2): 1.0, (2, 1): 0.1, (2, 3): 0.1, (3, 2): 1.0, (3, 1): 1.1, (1, 3): 1.0}
    (finding,) = slow(pairs_of(speeds))
    assert (finding.host, finding.severity) == ("gpu-02", Severity.WARNING)
    assert finding.message == "0.1 GB/s to its neighbours, the other hosts have 1.0 GB/s"
    assert "gpu-02 → gpu-01: 0.1 GB/s" in finding.evidence


def test_one_slow_pair_between_sound_hosts_is_a_pair() -> None:
    speeds = {(1, 2): 1.0, (2, 1): 1.0, (2, 3): 0.2, (3, 2): 1.0, (3, 4): 1.0, (4, 3): 1.0, (4, 1): 1.0, (1, 4): 1.0}
    (finding,) = slow(pairs_of(speeds))
    assert (finding.host, finding.message) == ("gpu-02", "0.2 GB/s between it and gpu-03, other pairs have 1.0 GB/s")


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_hosts_that_differ_as_neighbours_do_are_sound(speed: float) -> None:
    assert [*slow(pairs_of({(1, 2): 1.0, (2, 1): 1.0, (2, 3): speed, (3, 2): speed, (3, 1): 1.0, (1, 3): 1.0}))] == []
    assert [*slow(pairs_of({(1, 2): 1.0, (2, 1): 0.01}))] == []  # two hosts: nobody to compare with


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("connection timed out", "a firewall drops it"),
        ("Connection refused", "a firewall rejects it"),
        ("No route to host", "no route between the two networks"),
    ],
)
def test_a_host_that_does_not_reach_the_first_is_named_with_why(text: str, meaning: str) -> None:
    finding = only(read(PROOF, "missing", ["gpu-02"], {"gpu-01": {}, "gpu-03": {}}, {"gpu-02": {"unreached": text}}))
    assert (finding.host, finding.severity) == ("gpu-02", Severity.BLOCKS)
    assert finding.message.startswith("it does not reach gpu-01 at 10.10.0.1 port 51017: ")
    assert meaning in finding.message
    assert "provision firewall" in finding.hint


def test_where_none_reaches_the_first_it_is_one_fault_and_its_own() -> None:
    printed = {name: {"unreached": "connection timed out"} for name in ("gpu-02", "gpu-03")}
    finding = only(read(PROOF, "missing", [*printed], {"gpu-01": {}}, printed))
    assert finding.host == "gpu-01"
    assert finding.message.startswith("no other host reaches it at 10.10.0.1 port 51017")


def test_a_host_that_never_came_is_named() -> None:
    finding = only(read(PROOF, "missing", ["gpu-03"], {"gpu-01": {}, "gpu-02": {}}))
    assert (finding.host, finding.message) == ("gpu-03", "it did not join the all-reduce within 15 s")


def test_a_host_that_fell_silent_is_the_cause_and_the_others_words_are_evidence() -> None:
    told = {"gpu-01": {"failed": PEER}, "gpu-02": {}, "gpu-03": {"silent": 11.2, "state": "T"}}
    finding = only(read(PROOF, "silent", ["gpu-03"], told))
    assert finding.host == "gpu-03"
    assert finding.message == "it has not been heard from for 11 s, while `adding up 1 MiB`"
    assert finding.evidence == ("gpu-01: RuntimeError: Connection closed by peer [10.10.0.3]:41",)


def test_a_process_that_is_stopped_or_stuck_in_the_kernel_is_named() -> None:
    for state, words in (("T", "is stopped"), ("D", "waits in the kernel")):
        finding = only(read(PROOF, "stuck", ["gpu-01"], {"gpu-01": {}, "gpu-02": {"state": state}, "gpu-03": {}}))
        assert finding.host == "gpu-02" and words in finding.message


def test_who_fails_first_is_the_cause_and_not_who_lost_its_peer() -> None:
    own = "RuntimeError: CUDA error: invalid device ordinal"
    finding = only(read(PROOF, "failed", [], {"gpu-01": {"failed": PEER}, "gpu-02": {"failed": own}, "gpu-03": {}}))
    assert finding.host == "gpu-02"
    assert "invalid device ordinal" in finding.message


def test_the_same_failure_on_all_hosts_is_one_fault_of_the_cluster() -> None:
    own = "RuntimeError: [enforce fail at device.cc:84] ifa != nullptr. Unable to find address for: eth9"
    finding = only(read(PROOF, "failed", [], {one.host: {"failed": own} for one in PROOF.participants}))
    assert finding.host == ""
    assert "on gpu-01, gpu-02, gpu-03" in finding.message and "eth9" in finding.message


def test_two_hosts_that_wait_for_each_other_are_named_both() -> None:
    told = {"gpu-01": {"failed": PEER}, "gpu-02": {"unanswered": ["gpu-03"]}, "gpu-03": {"unanswered": ["gpu-02"]}}
    finding = only(read(PROOF, "failed", [], told))
    assert finding.message == "the all-reduce failed: gpu-02 has no connection to gpu-03 (10.10.0.3)"


def test_the_host_whom_nobody_reaches_is_named_alone() -> None:
    told = {"gpu-01": {"unanswered": ["gpu-03"]}, "gpu-02": {"unanswered": ["gpu-03"]}, "gpu-03": {}}
    finding = only(read(PROOF, "stuck", [], told))
    assert (finding.host, finding.message) == ("gpu-03", "the all-reduce failed: no other host has a connection to it")


def test_the_one_that_is_furthest_behind_is_named_where_nobody_says_more() -> None:
    told = {"gpu-01": {}, "gpu-02": {"step": 2, "stage": "joining"}, "gpu-03": {}}
    finding = only(read(PROOF, "stuck", [], told))
    assert (finding.host, finding.message) == ("gpu-02", "the others wait for it: it got no further than `joining`")


def test_where_all_hang_alike_the_last_lines_of_each_are_shown() -> None:
    printed = {one.host: {"tail": ["NCCL WARN something odd"]} for one in PROOF.participants}
    finding = only(read(PROOF, "stuck", [], {one.host: {} for one in PROOF.participants}, printed))
    assert (finding.host, finding.severity) == ("", Severity.BLOCKS)
    assert finding.message == "the all-reduce did not end within 45 s, while `adding up 1 MiB`"
    assert "gpu-02: NCCL WARN something odd" in finding.evidence


@pytest.mark.parametrize(
    ("outcome", "told", "words"),
    [
        ("port", {}, "cannot listen on 10.10.0.1:51017"),
        ("failed", {"gpu-02": {"failed": "OutOfMemoryError: CUDA out of memory."}}, "no memory is left on"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_now_is_not_proved_and_blocks_nothing(
    outcome: str, told: dict[str, Any], words: str
) -> None:
    finding = only(read(PROOF, outcome, ["Address already in use"], told))
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("all-reduce not proved: ") and words in finding.message


def test_a_host_without_the_environment_is_a_note() -> None:
    answers = {one.host: Fragment(0, "host={}\n", "") for one in PROOF.participants}
    answers["gpu-03"] = Fragment(0, "absent=yes\n", "")
    shown = PROOF.read(answers, {})
    assert shown.findings == ()
    assert shown.notes == (("", "all-reduce not proved: no environment on gpu-03 yet, `provision up` makes it"),)


def test_an_interface_without_the_nodes_address_is_named_when_it_hangs_and_when_it_does_not() -> None:
    first, second, third = participants()
    proof = AllReduce("llama", (first, replace(second, interface="eth0"), third))
    for shown, severity in (
        (measured(proof), Severity.WARNING),
        (read(proof, "stuck", [], {one.host: {} for one in proof.participants}), Severity.BLOCKS),
    ):
        finding = only(shown)
        assert (finding.host, finding.severity) == ("gpu-02", severity)
        assert finding.message == "its ranks are set to use `eth0`, which does not have its address 10.10.0.2"
        assert finding.hint == "set hosts.gpu-02.interface to eth1, or leave it out"


def test_a_lost_connection_is_the_hosts_own_fault() -> None:
    finding = only(PROOF.read({}, {"gpu-01": ConnectionLost("gpu-01", "the connection broke")}))
    assert (finding.host, finding.severity, finding.message) == ("gpu-01", Severity.BLOCKS, "the connection broke")


def test_any_text_is_an_answer() -> None:
    finding = only(
        PROOF.read(
            {one.host: Fragment(1, "lead={broken\nhost=[]\n", "Segmentation fault") for one in PROOF.participants}, {}
        )
    )
    assert finding.severity is Severity.BLOCKS
    assert finding.evidence == ("Segmentation fault",)


@pytest.mark.parametrize(
    ("speed", "text"), [(3.5e11, "350 GB/s"), (9.4e8, "0.9 GB/s"), (5.2e7, "52 MB/s"), (8e5, "0.8 MB/s")]
)
def test_rates_are_as_nccl_tests_prints_them(speed: float, text: str) -> None:
    assert rate(speed) == text
