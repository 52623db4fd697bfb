"""What a host says of itself, read: whatever it says, nothing is made up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.core.script import Fragment
from provision.operate.read_status import between, read_gpus_in_use, read_service, read_work
from provision.operate.status import Work

SMI = """\
0, GPU-a, 1024, 81559, 31, 70.12, 0, NVIDIA H100 80GB HBM3
1, GPU-b, [N/A], 81559, [N/A], [Not Supported], 0, NVIDIA A, B
rc=0
app=GPU-a, 77
app=GPU-a, 78
end
"""


def said(text: str, rc: int = 0, stderr: str = "") -> Fragment:
    return Fragment(rc, text, stderr)


def test_gpus_are_used_where_programs_compute_on_them() -> None:
    (first, second), why = read_gpus_in_use(said(SMI))
    assert (first.memory_used_mib, first.celsius, first.watts, first.processes, first.used) == (
        1024,
        31.0,
        70.12,
        2,
        True,
    )
    assert (second.memory_used_mib, second.celsius, second.watts, second.used) == (None, None, None, False)
    assert second.name == "NVIDIA A, B" and why == ""


def test_an_nvidia_smi_that_hangs_fails_or_is_missing_is_not_a_host_without_gpus() -> None:
    assert read_gpus_in_use(said("")) == ((), "nvidia-smi does not answer")
    assert read_gpus_in_use(said("missing\n")) == ((), "nvidia-smi is not installed")
    assert read_gpus_in_use(said("No devices were found\nrc=6\nend\n")) == ((), "No devices were found")


def test_a_service_is_as_its_stamp_and_its_process_are() -> None:
    service, why = read_service(
        "vllm", said("--port=8000\nmodel=m\nready=yes\nrunning=yes\nseconds=12\nrestarts=3\nmetrics={}\n")
    )
    assert service is not None and why == ""
    assert (service.well, service.seconds, service.restarts, service.flags) == (True, 12, 3, {"--port": "8000"})
    service, _ = read_service("vllm", said("ready=yes\nrunning=no: its process is gone\n"))
    assert service is not None and service.said == "not running: its process is gone" and not service.well
    service, _ = read_service("vllm", said("running=no: it is starting again, third time since 02:14\n"))
    assert service is not None and service.said == "starting again, third time since 02:14"
    service, _ = read_service("ray", said("running=yes\nnodes=a 10.0.0.1 with 2 GPUs, b 10.0.0.2 with 2 GPUs\n"))
    assert service is not None and len(service.joined) == 2 and service.said == "starting"


def test_a_service_that_is_not_there_is_told_from_one_that_could_not_be_looked_at() -> None:
    assert read_service("ray", said("")) == (None, "")
    assert read_service("ray", said("", 1, "not safe: /srv (mode 777, owner eve) …\n")) == (
        None,
        "not safe: /srv (mode 777, owner eve) …",
    )


def test_the_rate_is_what_was_made_between_the_two_looks() -> None:
    before, now = (
        {"generated": 100.0},
        {"generated": 142.0, "first_tokens": 4, "first_token_seconds": 0.5, "kv_cache": 0.5},
    )
    work, why = read_work(said("metrics=" + json.dumps({"seconds": 2.0, "before": before, "now": now})))
    assert work == Work(2.0, 21.0, None, None, 0.5, 0.125, 4.0) and why == ""
    assert read_work(said("metrics.silent=no answer in time")) == (None, "no answer in time")
    assert read_work(said("running=yes")) == (None, "")


def test_a_server_that_does_not_answer_is_not_well() -> None:
    text = "running=yes\nready=yes\n"
    service, _ = read_service("vllm", said(f"{text}metrics.mute=no answer in time\n"))
    assert service is not None and not service.well
    assert service.said == "running, but its server does not answer: no answer in time"
    assert read_work(said("metrics.mute=no answer in time")) == (None, "no answer in time")
    frozen, _ = read_service("ray", said(f"{text}frozen=yes\n"))
    assert frozen is not None and not frozen.well and "stopped by a signal" in frozen.said
    # What keeps us from asking is no fault of the server's.
    service, _ = read_service("vllm", said(f"{text}metrics.silent=it wants another API key\n"))
    assert service is not None and service.well


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("metrics.lost=nothing listens on port 8000", "nothing listens on port 8000"),
        ("frozen=yes\nmetrics.mute=timed out", "its process is stopped by a signal"),
        ("metrics.mute=timed out", "its server does not answer: timed out"),
    ],
)
def test_a_server_that_nobody_reaches_is_not_well(lines: str, words: str) -> None:
    text = f"ready=x\nrunning=yes\n{lines}"
    service, _ = read_service("vllm", said(text))
    assert service is not None and not service.well and service.said == f"running, but {words}"
    work, why = read_work(said(text))
    assert work is None and why and why in words


def test_that_the_program_which_asks_broke_is_said() -> None:
    broke = "the program that asks it has ended without a word"
    assert read_work(said("ready=x\nrunning=yes\nTraceback (most recent call last):")) == (None, broke)
    assert read_work(said("running=no: its process is gone")) == (None, "")


def test_what_no_server_says_is_not_known() -> None:
    for text in ("[]", "{", '{"seconds": 0, "before": {}, "now": {}}', "[" * 100_000, '{"seconds": 1, "before": 1}'):
        assert read_work(said(f"metrics={text}")) == (None, "what it says cannot be read"), text[:20]
    work, _ = read_work(
        said('metrics={"seconds": 1, "before": {}, "now": {"kv_cache": NaN, "running": "x", "waiting": 1e99}}')
    )
    assert work == Work(1.0)


def test_of_two_looks_the_mean_is_of_what_came_between() -> None:
    first, second = Work(1, first_token_seconds=0.5, first_tokens=2), Work(1, first_token_seconds=1.0, first_tokens=4)
    assert between(first, second) == 1.5
    assert between(first, first) is None and between(None, second) is None and between(second, first) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    fragment = said(text)
    read_gpus_in_use(fragment)
    read_work(fragment)
    service, _ = read_service("vllm", fragment)
    assert service is None or isinstance(service.said, str)
