"""The timed all-reduce on three hosts with a management network and a fabric, in the order of the tests."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clusters import Cluster, Result

NAMES = ("lab-1", "lab-2", "lab-3")

# What comes after the proof is a file on each host, where Ray would be. Less patience than for a rack.
PLAYBOOK = """
from dataclasses import replace

from provision.core.playbook import Playbook
from provision.stack.ray import Stack
from provision.resources.text_file import TextFile


def playbook(cluster):
    book, stack = Playbook(), Stack(cluster)
    for node in cluster.nodes:
        book.add(stack.venv(node), on=node.name)
    after = [book.add(TextFile(f"{node.root}/after", "proved"), on=node.name) for node in cluster.nodes]
    book.prove(replace(stack.all_reduce(), come=6.0, load=60.0, measure=15.0), before=after)
    return book
"""


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    made = make_cluster("test-all-reduce", hosts=3, gpus=1, fabric=True, init="sshd", stack={"model": "/model"})
    (made.inventory.parent / "mine.py").write_text(PLAYBOOK)
    return made


def ask(cluster: Cluster, *arguments: str) -> Result:
    return cluster.provision(*arguments, "--playbook", str(cluster.inventory.parent / "mine.py"))


def notes(result: Result) -> list[str]:
    return [event["text"] for event in result.events if event["event"] == "note"]


def findings(result: Result) -> list[dict[str, Any]]:
    return [finding for finding in result.report["findings"] if finding["fact"].startswith("all-reduce")]


def proved(cluster: Cluster) -> list[str]:
    return [
        name for name in NAMES if cluster.host(name).exec(["test", "-f", "/home/ops/.provision/after"]).returncode == 0
    ]


def sent(cluster: Cluster, name: str, interface: str) -> int:
    """Bytes, since the host was made."""
    lines = cluster.host(name).exec(["cat", "/proc/net/dev"]).stdout
    (cells,) = re.findall(rf"{interface}: *(.*)", lines)
    return int(cells.split()[8])


def test_a_fault_before_ray_would_start_keeps_it_from_starting(cluster: Cluster) -> None:
    cluster.host("lab-1").drop(source=cluster.host("lab-3").fabric_address)
    result = ask(cluster, "up")
    cluster.host("lab-1").allow()
    assert (result.code, result.status("lab-3"), proved(cluster)) == (1, "failed", [])
    (finding,) = findings(result)
    first = cluster.host("lab-1").fabric_address
    assert (finding["host"], finding["severity"]) == ("lab-3", "blocks")
    assert finding["message"].startswith(f"it does not reach lab-1 at {first} port ")
    assert "a firewall drops it" in finding["message"]


def test_the_hosts_add_up_over_the_fabric_and_it_is_said_how_fast(cluster: Cluster) -> None:
    before = {interface: sent(cluster, "lab-2", interface) for interface in ("eth0", "eth1")}
    result = ask(cluster, "up")
    assert (result.code, proved(cluster)) == (0, list(NAMES)), result.stderr
    # How fast one host is among the others says little on a machine that all of them share with others.
    assert [finding for finding in findings(result) if finding["fact"] != "all-reduce bandwidth"] == []
    (text,) = [text for text in notes(result) if "all-reduce" in text]
    assert re.fullmatch(r"all-reduce over 3 hosts \(gloo, eth1\): [\d.]+ [GM]B/s, latency [\d.]+ (ms|µs)", text)
    # More than the largest sum went over the fabric; the management network carries what is said of it.
    assert sent(cluster, "lab-2", "eth1") - before["eth1"] > 64 * 2**20
    assert sent(cluster, "lab-2", "eth0") - before["eth0"] < 2**20


def test_nothing_of_it_stays_on_the_hosts(cluster: Cluster) -> None:
    for name in NAMES:
        assert cluster.processes(name, r"bin/python -$") == []


def test_up_that_changes_nothing_proves_nothing(cluster: Cluster) -> None:
    result = ask(cluster, "up")
    assert (result.code, notes(result)) == (0, [])


def test_up_says_what_it_skipped(cluster: Cluster) -> None:
    cluster.host("lab-2").exec(["rm", "/home/ops/.provision/after"])
    result = ask(cluster, "up", "--skip", "all-reduce")
    assert result.code == 0
    assert any("--skip all-reduce" in text for text in notes(result))


@pytest.fixture
def slow_host(cluster: Cluster) -> Iterator[str]:
    limit = ["tbf", "rate", "60mbit", "burst", "64kb", "latency", "400ms"]
    done = cluster.host("lab-2").exec(["tc", "qdisc", "add", "dev", "eth1", "root", *limit])
    assert done.returncode == 0, done.stderr
    yield "lab-2"
    cluster.host("lab-2").exec(["tc", "qdisc", "del", "dev", "eth1", "root"])


def test_a_host_with_a_slow_link_stands_out_by_name(cluster: Cluster, slow_host: str) -> None:
    result = ask(cluster, "check", "--prove")
    (finding,) = findings(result)
    assert (finding["host"], finding["severity"], result.code) == (slow_host, "warning", 0)
    assert "MB/s to its neighbours, the other hosts have" in finding["message"]


@pytest.mark.long  # short: tests/unit/proofs/all_reduce
def test_two_hosts_without_a_connection_are_named_both(cluster: Cluster) -> None:
    second, third = cluster.host("lab-2"), cluster.host("lab-3")
    second.drop(source=third.fabric_address)
    third.drop(source=second.fabric_address)
    result = ask(cluster, "check", "--prove")
    second.allow()
    third.allow()
    (finding,) = findings(result)
    assert (finding["severity"], result.code) == ("blocks", 3)
    assert re.search(r"lab-[23] has no connection to lab-[23] \(10\.", finding["message"]), finding
    assert "lab-1" not in finding["message"]


@pytest.mark.long  # short: tests/unit/proofs/all_reduce
def test_a_host_that_hangs_is_named_and_what_it_was_at(cluster: Cluster) -> None:
    found: list[Result] = []
    run = threading.Thread(target=lambda: found.append(ask(cluster, "check", "--prove")))
    run.start()
    processes = lambda: cluster.processes("lab-2", r"bin/python -$")  # noqa: E731
    assert cluster.eventually(lambda: len(processes()) > 1)
    cluster.host("lab-2").exec(["kill", "-STOP", *(line.split()[0] for line in processes())])
    run.join()
    (finding,) = findings(found[0])
    assert (finding["host"], finding["severity"]) == ("lab-2", "blocks")
    assert re.match(r"it has not been heard from for \d+ s, while `", finding["message"])


def test_an_interface_that_is_not_there_is_named(cluster: Cluster) -> None:
    cluster.edit(("env: {", 'env: {"GLOO_SOCKET_IFNAME": "eth9", '))
    result = ask(cluster, "check", "--prove")
    cluster.edit()
    (finding,) = findings(result)
    # Who comes to it first says so; the others may still be waiting for that one.
    assert (finding["host"] in ("", *NAMES), finding["severity"], result.code) == (True, "blocks", 3)
    assert "Unable to find address for: eth9" in finding["message"]


def test_a_host_without_the_environment_is_not_held_against_anybody(cluster: Cluster) -> None:
    python = cluster.host("lab-3").exec(["sh", "-c", "echo /home/ops/.provision/envs/*/bin/python"]).stdout.split()[0]
    cluster.host("lab-3").exec(["mv", python, f"{python}.away"])
    result = ask(cluster, "check", "--prove")
    cluster.host("lab-3").exec(["mv", f"{python}.away", python])
    assert findings(result) == []
    assert any(text.startswith("all-reduce not proved: no environment on lab-3 yet") for text in notes(result))
