"""The host's part of the network proof, as processes that are told nothing but what a host is told, on loopback."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from loopback import processes_with

from provision.core.finding import Finding
from provision.core.script import Fragment, Script
from provision.proofs.network.members import Member
from provision.proofs.network.proof import NetworkProof

PYTHON = "/usr/bin/python3"
PORTS = tuple((port, "any") for port in (41001, 41002, 41003, 41004))
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs(PYTHON),
]


def members(count: int, network: str = "127.0.9") -> tuple[Member, ...]:
    return tuple(Member(f"host-{n}", f"{network}.{n}", PORTS, "lo", PYTHON) for n in range(1, count + 1))


def play(proof: NetworkProof, *, delays: Sequence[float] = ()) -> tuple[tuple[Finding, ...], dict[str, Fragment]]:
    """All parts at once, or each after its own delay (seconds)."""
    answers: dict[str, Fragment] = {}

    def part(name: str, script: Script, delay: float) -> None:
        time.sleep(delay)
        environment = {"PATH": "/usr/bin:/bin", **{key: str(value) for key, value in script.vars.items()}}
        done = subprocess.run(["sh", "-c", script.body], env=environment, capture_output=True, text=True, check=False)
        answers[name] = Fragment(done.returncode, done.stdout, done.stderr)

    scripts = proof.scripts()
    waits = [*delays, *[0.0] * len(scripts)]
    threads = [
        threading.Thread(target=part, args=(name, script, wait))
        for (name, script), wait in zip(scripts.items(), waits, strict=False)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return proof.read(answers, {}).findings, answers


@contextmanager
def listener(address: str, port: int, says: bytes = b"", *, backlog: int = 8) -> Iterator[list[bytes]]:
    """A stranger that listens and keeps what it hears."""
    heard: list[bytes] = []
    with socket.create_server((address, port), backlog=backlog) as server:

        def serve() -> None:
            with ExitStack() as kept:
                while True:
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    kept.enter_context(connection)
                    connection.sendall(says)
                    connection.settimeout(0.2)
                    try:
                        heard.append(connection.recv(1 << 20))
                    except OSError:
                        heard.append(b"")

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_hosts_that_reach_each_other_have_nothing_to_say() -> None:
    findings, answers = play(NetworkProof(members(4), "key"))
    assert findings == ()
    assert {fragment.rc for fragment in answers.values()} == {0}


def test_hosts_that_begin_seconds_apart_still_meet() -> None:
    assert play(NetworkProof(members(3), "key"), delays=(0.0, 1.5, 3.0))[0] == ()


def test_a_port_that_somebody_has_already_is_reached_and_the_stranger_is_told_nothing() -> None:
    for says in (b"", b"SSH-2.0-OpenSSH_9.2 and then some\r\n"):
        with listener("127.0.9.2", 41002, says) as heard:
            assert play(NetworkProof(members(3), "key"))[0] == ()
        assert heard == [b"", b""]


def test_a_port_that_somebody_has_bound_without_listening_is_no_fault() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.10.2", 41003))
        assert play(NetworkProof(members(3, "127.0.10"), "key"))[0] == ()


def test_another_host_that_answers_at_an_address_is_found() -> None:
    one, two, three = members(3)
    swapped = (one, replace(two, address=three.address), replace(three, address=two.address))
    proof = NetworkProof((one, two, three), "key")
    scripts = {**NetworkProof(swapped, "key").scripts(), "host-1": proof.scripts()["host-1"]}

    class Mixed(NetworkProof):
        def scripts(self) -> dict[str, Script]:
            return scripts

    # The first begins last: that somebody listens at these addresses is no question then.
    findings, answers = play(Mixed((one, two, three), "key"), delays=(1.0,))
    assert {(f.host, f.message) for f in findings} == {
        ("host-2", "host-3 answers at its address 127.0.9.2"),
        ("host-3", "host-2 answers at its address 127.0.9.3"),
    }
    assert len(answers) == 3


def test_a_host_that_never_begins_is_waited_for_and_then_named_once() -> None:
    proof = NetworkProof(members(3), "key")

    class Two(NetworkProof):
        def scripts(self) -> dict[str, Script]:
            return {name: script for name, script in proof.scripts().items() if name != "host-3"}

    two = Two(members(3), "key")
    (finding,) = two.read({**play(two)[1], "host-3": Fragment(1, "", "killed")}, {}).findings
    assert finding.host == "host-3"


def test_a_host_without_python_is_said_to_have_taken_no_part() -> None:
    one, two, three = members(3)
    findings, _ = play(NetworkProof((one, two, replace(three, python="")), "key"))
    (finding,) = findings
    assert finding.message == "it took no part in the network proof: it has no Python"


def test_a_stranger_that_connects_learns_no_more_than_a_tag_and_changes_nothing() -> None:
    answered: list[bytes] = []

    def disturb() -> None:
        end = time.monotonic() + 4
        while time.monotonic() < end and len(answered) < 5:
            with socket.socket() as sock:
                sock.settimeout(0.5)
                try:
                    sock.connect(("127.0.9.1", 41001))
                    sock.sendall(b"import os; os.abort()" * 1000)
                    answered.append(sock.recv(1 << 16))
                except OSError:
                    time.sleep(0.01)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    # The third begins late, so that the others are there to be disturbed.
    findings, _ = play(NetworkProof(members(3), "key"), delays=(0.0, 0.0, 2.0))
    stranger.join()
    assert findings == ()
    assert answered
    assert {len(said) for said in answered} <= {0, 18}


def test_hosts_of_another_cluster_do_not_count_as_ones_own() -> None:
    one, two = members(2)
    mine, others = NetworkProof((one, two), "key"), NetworkProof((one, two), "another key")

    class Mixed(NetworkProof):
        def scripts(self) -> dict[str, Script]:
            return {"host-1": mine.scripts()["host-1"], "host-2": others.scripts()["host-2"]}

    findings, _ = play(Mixed((one, two), "key"))
    (finding,) = findings
    assert finding.message == "TCP to every port is answered by another machine between host-1 and host-2"


def test_nothing_of_it_is_in_the_process_list_or_left_behind() -> None:
    secret = "c0ffee" * 8
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(processes_with(secret))

    watching = threading.Thread(target=look)
    watching.start()
    play(NetworkProof(members(3), secret), delays=(0.0, 0.0, 1.0))
    done.set()
    watching.join()
    assert seen == set()
    for address, port in (("127.0.9.1", 41001), ("127.0.9.2", 41004)):
        with pytest.raises(ConnectionRefusedError), socket.create_connection((address, port), 2):
            pass


def test_few_files_at_once_are_enough() -> None:
    proof = NetworkProof(members(4), "key")

    class Narrow(NetworkProof):
        def scripts(self) -> dict[str, Script]:
            return {n: replace(s, body=f"ulimit -n 64\n{s.body}") for n, s in proof.scripts().items()}

    assert play(Narrow(members(4), "key"))[0] == ()
