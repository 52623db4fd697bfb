"""The table: each signature says what to do, where its wording is from, and knows its own lines and no other's."""

import os
import re

import pytest
from signatures_document import DOCUMENT, made

from provision.diagnosis import Signature, diagnose, read_lines, signatures
from provision.diagnosis.port_keys import DEFAULTS, WORKERS
from provision.inventory.models import Ray, Serve

EXAMPLES = [pytest.param(s, e, id=f"{s.id}-{i}") for s in signatures() for i, e in enumerate(s.examples)]


@pytest.mark.parametrize(("signature", "example"), EXAMPLES)
def test_an_example_is_diagnosed_as_itself(signature: Signature, example: str) -> None:
    found = diagnose(read_lines(example, "gpu-02"))

    assert found is not None
    assert found.signature.id == signature.id
    assert "?" not in found.cause + found.fix, "a number that is not in the line"
    assert found.host == "gpu-02"


@pytest.mark.parametrize("signature", signatures(), ids=lambda s: s.id)
def test_a_signature_says_cause_fix_and_source(signature: Signature) -> None:
    assert not signature.pattern.search(""), "matches every line"
    assert signature.cause and signature.fix and signature.source and signature.examples
    assert not signature.fix.endswith("."), signature.fix
    assert not re.search(r"://[^ /]*@", signature.fix), "a password's place in a URL is told as asterisks"
    # Something to type, or a place in the inventory: in backticks either way.
    assert "`" in signature.fix or re.search(r"^reboot|^choose|^make|^look|^the lines", signature.fix), signature.fix


def test_ids_are_unique() -> None:
    ids = [s.id for s in signatures()]
    assert len(set(ids)) == len(ids)


def told(line: str) -> tuple[str, str]:
    found = diagnose(read_lines(line, "gpu-02"))
    assert found is not None
    return found.cause, found.fix


def test_memory_that_others_hold_is_told_with_the_arithmetic_and_what_would_fit() -> None:
    cause, fix = told(
        "ValueError: Free memory on device cuda:0 (19.77/22.05 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 20.29 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."
    )
    assert "20.29 GiB are asked for (0.92 × 22.05), 19.77 GiB are free, 0.52 GiB too few" in cause
    assert "`gpu-memory-utilization: 0.89`" in fix


def test_a_kv_cache_that_does_not_fit_is_told_with_the_length_that_does() -> None:
    line = (
        "ValueError: To serve at least one request with the model's max seq len (8192), (4.0 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.0 GiB). {}Try increasing `gpu_memory_utilization`"
    )
    assert "4.0 GiB for 8192 tokens, 1.0 GiB are left, 3.00 GiB too few" in told(line.format(""))[0]
    assert "`max-model-len: 2048`" in told(line.format(""))[1]
    estimated = line.format("Based on the available memory, the estimated maximum model length is 2032. ")
    assert "`max-model-len: 2032`" in told(estimated)[1]


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', {}): address already in use", 8000),
        ("socket.cpp:1019 The server socket has failed to listen. port: {}, code: -98, name: EADDRINUSE", 29501),
        ("zmq.error.ZMQError: Address already in use (addr='tcp://10.0.0.2:{}')", 8265),
    ],
)
def test_of_a_port_that_is_taken_the_one_key_is_named_that_moves_it(line: str, port: int) -> None:
    fix = told(line.format(port))[1]
    assert fix.endswith(f"stop it, or choose another `{DEFAULTS[port]}` in the inventory")
    assert told(line.format(9123))[1].endswith("stop it, or choose another port than 9123 for what was to listen there")
    assert told(line.format(20005))[1].endswith("(`ray.min_worker_port`, `ray.max_worker_port`)")
    found = diagnose(read_lines(line.format(9123), "gpu-02"), {9123: "ray.port"})
    assert found is not None and found.fix.endswith("choose another `ray.port` in the inventory")


def test_the_default_ports_are_those_of_the_inventory() -> None:
    ray = {getattr(Ray(), name): f"ray.{name}" for name in Ray.model_fields if name.endswith("_port")}
    serve = {Serve.model_fields[name].default: f"serve.{name}" for name in ("port", "master_port")}
    workers = {Ray().min_worker_port, Ray().max_worker_port}
    assert workers == {WORKERS[0], WORKERS[-1]}
    assert {
        port: key for port, key in (ray | serve | {Ray().port: "ray.port"}).items() if port not in workers
    } == DEFAULTS


def test_a_process_that_the_kernel_ended_is_told_with_what_it_held() -> None:
    cause, _ = told("Out of memory: Killed process 52411 (ray::RayWorkerW) total-vm:9kB, anon-rss:131072000kB, x")
    assert "`ray::RayWorkerW` (pid 52411, which held 125 GiB)" in cause


def test_the_document_lists_every_signature_and_names_no_other() -> None:
    document = DOCUMENT.read_text()
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(made(document))
    else:
        assert document == made(document), "run this test with WRITE_DOCS=1 in the environment to write the table anew"
    problems = document.partition("## The problems that guides list")[2].partition("## All signatures")[0]
    last_cells = [row.split("|")[-2] for row in problems.splitlines() if row.startswith("| ")]
    named = {name for cell in last_cells for name in re.findall(r"`([a-z-]+)`", cell)}
    assert named <= {s.id for s in signatures()}
    assert len(named) > 20
