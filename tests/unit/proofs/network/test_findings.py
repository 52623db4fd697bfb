"""What the answers of a network proof come to: one finding for one fault, and silence where all is well."""

import json

import pytest
from network_samples import Made

from provision.core.errors import ConnectionLost
from provision.core.finding import Finding, Severity
from provision.core.script import Fragment


def only(made: Made) -> Finding:
    (finding,) = made.found()
    return finding


@pytest.mark.parametrize("count", [2, 3, 8, 50])
def test_a_sound_network_gives_no_finding_and_one_line_in_numbers(count: int) -> None:
    made = Made(count)
    shown = made.shown()
    number = sum(len(made.ports(b)) for _, b in made.pairs)
    assert shown.findings == ()
    text = f"network proof: {number} of {number} connections between {count} hosts, round trip 0.1 ms, MTU 9000"
    assert shown.notes == (("", text),)


def test_a_port_dropped_one_way_between_one_pair_is_named_with_both_and_what_it_is_for() -> None:
    made = Made()
    made.close("gpu-01", "gpu-02", 20000, "dropped", "no answer within 4 s")
    finding = only(made)
    assert (finding.host, finding.severity) == ("gpu-02", Severity.BLOCKS)
    assert finding.message == "TCP to port 20000 (Ray's workers) is dropped from gpu-01 to gpu-02"
    assert finding.evidence == ("gpu-01 → gpu-02 (10.0.0.2): 20000 dropped: no answer within 4 s; 2 others passed",)
    assert "`provision firewall gpus.yaml`" in finding.hint


@pytest.mark.parametrize(
    ("verdict", "said", "why"),
    [
        ("dropped", "is dropped", "a firewall drops it silently"),
        ("refused", "is refused", "a rule on the way rejects it"),
        ("unreachable", "is rejected", "a firewall answers that there is no route"),
        ("silent", "connects, but nothing answers", "something in between accepts them"),
        ("taken", "is answered by another machine", "two machines have the address"),
        ("cut", "is cut", "something in between closes established"),
        ("unknown", "is not proved", "started too late"),
    ],
)
def test_what_came_of_a_connection_is_told_apart(verdict: str, said: str, why: str) -> None:
    made = Made()
    made.close("gpu-01", "gpu-02", 20000, verdict)
    assert said in only(made).message
    assert why in only(made).why


def test_a_port_closed_to_all_others_is_one_finding_of_its_host_with_the_pairs_as_evidence() -> None:
    made = Made(4)
    for other in ("gpu-01", "gpu-03", "gpu-04"):
        made.close(other, "gpu-02", 20000, "dropped")
    finding = only(made)
    assert finding.host == "gpu-02"
    assert finding.message.endswith("is dropped from all others to gpu-02")
    assert len(finding.evidence) == 3


def test_ports_closed_in_the_same_places_are_one_finding() -> None:
    made = Made(4)
    for other in ("gpu-01", "gpu-03", "gpu-04"):
        made.close(other, "gpu-02", 6380, "dropped")
        made.close(other, "gpu-02", 20000, "refused")
    message = only(made).message
    assert "ports 6380, 20000 (Ray's node manager, Ray's workers) are dropped or are refused" in message


def test_a_port_of_the_head_closed_to_the_workers_is_the_heads() -> None:
    made = Made(4)
    for worker in ("gpu-02", "gpu-03", "gpu-04"):
        made.close(worker, "gpu-01", 6379, "refused")
    assert only(made).host == "gpu-01"
    assert only(made).message == "TCP to port 6379 (Ray) is refused from all others to gpu-01"


def test_a_port_that_no_host_lets_in_is_one_finding_of_the_cluster() -> None:
    made = Made(5)
    for a, b in made.pairs:
        made.close(a, b, 20000, "dropped")
    finding = only(made)
    assert finding.host == ""
    assert "between all hosts" in finding.message
    assert finding.evidence[-1] == "… and 14 more pairs"


def test_a_host_that_lets_nothing_out_is_one_finding() -> None:
    made = Made(4)
    for other in ("gpu-01", "gpu-02", "gpu-04"):
        made.cut("gpu-03", other)
    assert only(made).host == "gpu-03"
    assert "every port is dropped from gpu-03 to all others" in only(made).message
    assert "lets out" in only(made).hint


def test_a_host_that_nobody_reaches_and_that_reaches_nobody_is_one_finding() -> None:
    made = Made(4)
    for other in ("gpu-01", "gpu-02", "gpu-04"):
        made.cut("gpu-03", other, "unreachable", "EHOSTUNREACH after 3.1 s")
        made.cut(other, "gpu-03", "dropped")
    finding = only(made)
    assert finding.host == "gpu-03"
    # What comes back without a route is lost as well: that is no firewall.
    assert finding.message == "TCP to every port finds no route from gpu-03 to all others, and back"
    assert "`ip route get 10.0.0.1` on gpu-03" in finding.hint


def test_a_network_where_nothing_passes_is_one_finding_that_says_how_to_open_it() -> None:
    made = Made(4)
    for a, b in made.pairs:
        made.cut(a, b)
        made.paths[a, b] = {"rtt_us": 0, "mtu": 0, "payload": ""}
    finding = only(made)
    assert finding.message == "TCP to every port is dropped between all hosts: nothing but SSH passes"
    assert "`provision firewall gpus.yaml`" in finding.hint
    assert made.shown().notes == (("", "network proof: 0 of 39 connections between 4 hosts"),)


def test_hosts_in_two_networks_are_one_finding_that_names_the_parts() -> None:
    made = Made(5)
    left = {"gpu-01", "gpu-03"}
    for a, b in made.pairs:
        if (a in left) != (b in left):
            made.cut(a, b, "unreachable", "ENETUNREACH after 0.0 s")
    assert only(made).message == ("TCP to every port finds no route between gpu-01, gpu-03 | gpu-02, gpu-04, gpu-05")


def test_two_hosts_without_a_way_to_each_other_are_one_finding_and_not_of_one_of_them() -> None:
    made = Made(2)
    for a, b in made.pairs:
        made.cut(a, b)
    assert (only(made).host, only(made).message) == ("", "TCP to every port is dropped between gpu-01 and gpu-02")


def test_two_faults_are_two_findings() -> None:
    made = Made(5)
    for other in ("gpu-01", "gpu-02", "gpu-03", "gpu-05"):
        made.cut(other, "gpu-04")
    made.close("gpu-01", "gpu-02", 20000, "refused")
    assert sorted(finding.host for finding in made.found()) == ["gpu-02", "gpu-04"]


def test_of_fifty_hosts_one_with_a_firewall_is_still_one_finding_of_few_lines() -> None:
    made = Made(50)
    for name in made.names:
        if name != "gpu-17":
            made.close(name, "gpu-17", 32768, "dropped")
    assert only(made).host == "gpu-17"
    assert len(only(made).evidence) <= 8


def test_fifty_hosts_between_which_nothing_passes_are_one_finding_too() -> None:
    made = Made(50)
    for a, b in made.pairs:
        made.cut(a, b)
    assert "between all hosts" in only(made).message


def test_what_fails_here_and_there_without_a_pattern_is_one_finding_and_not_hundreds() -> None:
    made = Made(20)
    for index, (a, b) in enumerate(made.pairs):
        if index % 3 == 0:
            made.cut(a, b)
    assert only(made).message == "TCP to every port is dropped on 127 connections between hosts"


def test_a_port_that_is_taken_proves_the_way_all_the_same() -> None:
    made = Made(taken={"gpu-02": {"20000": "EADDRINUSE"}})
    made.close("gpu-01", "gpu-02", 20000, "refused")
    made.close("gpu-03", "gpu-02", 20000, "taken")
    assert made.found() == ()


def test_a_taken_port_that_is_dropped_is_still_a_fault() -> None:
    made = Made(taken={"gpu-02": {"20000": "EADDRINUSE"}})
    made.close("gpu-01", "gpu-02", 20000, "dropped")
    assert only(made).host == "gpu-02"


def test_another_host_that_answers_at_an_address_is_named() -> None:
    made = Made()
    for a in ("gpu-01", "gpu-03"):
        for port in made.ports("gpu-02"):
            made.close(a, "gpu-02", port, "other", "gpu-03")
    finding = only(made)
    assert (finding.host, finding.message) == ("gpu-02", "gpu-03 answers at its address 10.0.0.2")


def test_a_host_without_python_is_said_once_and_what_it_refuses_is_reached() -> None:
    made = Made(without_python=["gpu-02"])
    for a in ("gpu-01", "gpu-03"):
        made.cut(a, "gpu-02", "refused")
    finding = only(made)
    assert (finding.host, finding.severity) == ("gpu-02", Severity.WARNING)
    assert "it has no Python" in finding.message


def test_a_host_without_python_behind_a_firewall_is_both() -> None:
    made = Made(without_python=["gpu-02"])
    for a in ("gpu-01", "gpu-03"):
        made.cut(a, "gpu-02", "dropped")
    blocks, warns = sorted(made.found(), key=lambda finding: finding.severity.rank)
    assert (blocks.severity, warns.severity) == (Severity.BLOCKS, Severity.WARNING)
    assert "every port is dropped from all others to gpu-02" in blocks.message


def test_a_host_that_was_lost_is_one_finding_whatever_became_of_the_ways_to_it() -> None:
    made = Made(4, failed={"gpu-03": ConnectionLost("gpu-03", "the connection broke", hint="run it again")})
    for other in ("gpu-01", "gpu-02", "gpu-04"):
        made.cut(other, "gpu-03")
    finding = only(made)
    assert (finding.host, finding.severity, finding.hint) == ("gpu-03", Severity.BLOCKS, "run it again")
    assert finding.message == "it took no part in the network proof: the connection broke"


@pytest.mark.parametrize(
    "fragment",
    [
        Fragment(1, "", "Traceback\nModuleNotFoundError: no module named json"),
        Fragment(None, "", ""),
        Fragment(0, "", ""),
        Fragment(0, "[1, 2]", ""),
        Fragment(0, '{"taken": {}, "peers": {"gpu-01": {}}}', ""),
        Fragment(0, '{"taken": {"x": ""}, "peers": {}}', ""),
        Fragment(0, json.dumps({"taken": {}, "peers": {"gpu-01": {"closed": [], "payload": ""}}}), ""),
    ],
)
def test_an_answer_of_another_shape_is_one_finding_with_what_it_said(fragment: Fragment) -> None:
    made = Made(answers={"gpu-02": fragment})
    assert (only(made).host, only(made).severity) == ("gpu-02", Severity.BLOCKS)
    assert only(made).evidence == fragment.tail()


def test_a_path_that_loses_large_packets_is_named_with_a_command_that_shows_it() -> None:
    made = Made(2, paths={("gpu-01", "gpu-02"): {"payload": "lost"}})
    finding = only(made)
    assert (finding.host, finding.severity) == ("gpu-02", Severity.BLOCKS)
    assert finding.message == "large packets are lost from gpu-01 to gpu-02"
    assert finding.evidence == ("gpu-01 → gpu-02 (10.0.0.2): packets of 9000 bytes are lost, small ones pass",)
    assert "`ping -M do -s 8972 10.0.0.2` on gpu-01" in finding.hint
    assert "`sudo ip link set eth1 mtu 1500`" in finding.hint


def test_a_switch_port_without_jumbo_frames_is_one_finding_of_the_host_behind_it() -> None:
    made = Made(4)
    made.paths = {pair: {"payload": "lost"} for pair in made.pairs if "gpu-03" in pair}
    assert only(made).host == "gpu-03"
    assert only(made).message == "large packets are lost from gpu-03 to all others, and back"


def test_a_switch_without_jumbo_frames_is_one_finding_of_the_cluster() -> None:
    made = Made(4)
    made.paths = {pair: {"payload": "lost"} for pair in made.pairs}
    assert (only(made).host, only(made).message) == ("", "large packets are lost between all hosts")


def test_data_that_never_arrives_blocks_and_data_that_trickles_is_a_warning() -> None:
    stalled = only(Made(2, paths={("gpu-01", "gpu-02"): {"payload": "stalled"}}))
    assert (stalled.severity, stalled.message) == (
        Severity.BLOCKS,
        "connections open, and no data passes from gpu-01 to gpu-02",
    )
    slow = only(Made(2, paths={("gpu-01", "gpu-02"): {"payload": "slow", "acked": 20480}}))
    assert slow.severity is Severity.WARNING
    assert slow.evidence == ("gpu-01 → gpu-02 (10.0.0.2): 20 of 256 KiB within 4 s",)


def test_a_host_that_is_far_away_is_a_warning_of_that_host() -> None:
    made = Made(3)
    made.paths = {pair: {"rtt_us": 14000} for pair in made.pairs if "gpu-03" in pair}
    finding = only(made)
    assert (finding.host, finding.severity) == ("gpu-03", Severity.WARNING)
    assert finding.message == "the round trip is 14 ms from gpu-03 to all others, and back, elsewhere 0.1 ms"


@pytest.mark.parametrize("rtt_us", [1900, 1150])
def test_a_round_trip_that_differs_within_reason_is_no_finding(rtt_us: int) -> None:
    made = Made(3)
    made.paths = {pair: {"rtt_us": rtt_us} for pair in made.pairs if "gpu-03" in pair}
    assert made.found() == ()


def test_hosts_that_are_all_far_apart_are_alike() -> None:
    made = Made(3)
    made.paths = {pair: {"rtt_us": 14000} for pair in made.pairs}
    assert made.found() == ()


def test_the_table_says_for_each_way_its_round_trip_or_the_worst_that_came_of_it() -> None:
    made = Made(3)
    made.close("gpu-01", "gpu-02", 20000, "dropped")
    made.cut("gpu-03", "gpu-01", "refused")
    made.paths = {("gpu-03", "gpu-02"): {"payload": "lost"}}
    known = made.shown().known
    assert {k.fact: k.value for k in known["gpu-01"]} == {
        "from gpu-01": "·",
        "from gpu-02": "0.1 ms",
        "from gpu-03": "refused all",
    }
    assert {k.fact: k.value for k in known["gpu-02"]} == {
        "from gpu-01": "dropped 20000",
        "from gpu-02": "·",
        "from gpu-03": "MTU < 9000",
    }
    assert all(k.asked and not k.lasting for k in known["gpu-02"])


def test_of_many_hosts_the_table_has_only_the_ways_of_those_that_do_not_reach_all() -> None:
    made = Made(50)
    assert set(made.shown().known.values()) == {()}
    made.close("gpu-04", "gpu-02", 20000, "dropped")
    assert {k.fact for cells in made.shown().known.values() for k in cells} == {"from gpu-04"}
