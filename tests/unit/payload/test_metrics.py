"""What is told of a server's metrics, and that no server keeps whoever asks waiting or fills its memory."""

import io
from typing import Any
from urllib.error import URLError

import pytest

from provision.payload import metrics

TEXT = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{engine="0",model_name="a b}"} 2.0
vllm:num_requests_running{engine="1",model_name="a"} 1.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.5
vllm:generation_tokens_total{engine="0"} 1.5e+03
vllm:time_to_first_token_seconds_sum{engine="0"} 0.5 1395066363000
vllm:prompt_tokens_total{engine="0"} NaN
other:num_requests_waiting 9
vllm:num_requests_waiting ...
"""


def test_engines_are_added_up_and_the_fullest_cache_counts() -> None:
    assert metrics.told(TEXT.splitlines()) == {
        "running": 3.0,
        "kv_cache": 0.5,
        "generated": 1500.0,
        "first_token_seconds": 0.5,
    }


def test_an_older_name_of_the_same_is_known() -> None:
    assert metrics.told(["vllm:gpu_cache_usage_perc 0.1"]) == {"kv_cache": 0.1}


class Stream(io.BytesIO):
    def __init__(self, part: bytes, clock: list[float]) -> None:
        super().__init__()
        self.part, self.clock = part, clock

    def read1(self, size: int | None = -1) -> bytes:
        self.clock[0] += 1
        return self.part


@pytest.mark.parametrize(("part", "error"), [(b"x" * 65536, ValueError), (b"x", TimeoutError)])
def test_a_server_that_never_ends_is_given_up(part: bytes, error: type, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    pace = 1.0 if error is TimeoutError else 0.0
    monkeypatch.setattr(metrics.time, "monotonic", lambda: clock[0] * pace)

    def post(*_: Any) -> Stream:
        return Stream(part, clock)

    with pytest.raises(error):
        metrics.looked(post)


def test_who_does_not_answer_is_told_from_who_cannot_be_asked() -> None:
    assert all(
        metrics.mute(one) for one in (TimeoutError(), ConnectionResetError(), URLError(ConnectionRefusedError()))
    )
    assert not any(metrics.mute(one) for one in (FileNotFoundError("certificate"), ValueError(), OSError("not ours")))
