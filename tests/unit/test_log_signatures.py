"""Each log in `logs/` was captured from a real failure of vLLM 0.32.0 or Ray 2.60.0, trimmed in its tracebacks."""

import re
from pathlib import Path

import pytest

from provision.resources.log_signatures import LINE, SIGNATURES, decisive

LOGS = Path(__file__).parent / "logs"

TOLD = {
    "unknown_flag": ("vllm: error: unrecognized arguments: --no-such-flag 3", "does not know a flag"),
    "bad_value": (
        "vllm serve: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'banana'",
        "refuses a flag's value",
    ),
    "missing_model": ("Repo id must be in the form", "same path on every host"),
    "heads_not_divisible": ("attention heads (4) must be divisible by tensor parallel size (3)", "tensor_parallel"),
    "context_too_long": ("max_model_len (100000) is greater than", "lower `max-model-len`"),
    "port_taken": ("OSError: [Errno 98] Address already in use", "another program listens on the port"),
    "too_few_gpus": ("The number of required GPUs exceeds the total number of available GPUs", "fewer free GPUs"),
    "kv_cache_too_big": ("less than requested memory for kv (100.0 GiB)", "KV cache does not"),
    "no_ray": ("Failed to connect to GCS at address 10.0.0.1:6399 within 5 seconds.", "Ray head's address"),
    "wrong_token": ("InvalidAuthToken: Authentication token is missing or incorrect", "Ray token"),
    "rank_died": ("RayWorkerProc rank=[1] died unexpectedly", "a rank's process died"),
    "ray_port_taken": ("The current node timed out during startup", "one of its ports is taken"),
    "ray_no_token_file": ("RAY_AUTH_TOKEN_PATH is set but file cannot be opened or is empty", "Ray token"),
}


@pytest.mark.parametrize("log", sorted(TOLD))
def test_a_failed_start_is_told_by_its_cause_and_a_hint(log: str) -> None:
    line, cause = TOLD[log]

    lines, hint = decisive((LOGS / f"{log}.log").read_text())

    assert any(line in found for found in lines)
    assert hint is not None and cause in hint


@pytest.mark.parametrize("log", sorted(TOLD))
def test_what_is_shown_is_short(log: str) -> None:
    lines, _ = decisive((LOGS / f"{log}.log").read_text(), limit=6)

    assert 1 <= len(lines) <= 6
    assert max(map(len, lines)) <= LINE
    assert not any("Traceback" in line or "\x1b" in line for line in lines)


def test_every_captured_log_is_told() -> None:
    assert {path.stem for path in LOGS.glob("*.log")} == set(TOLD)


def test_a_rank_on_another_host_is_named_with_its_address() -> None:
    lines, _ = decisive((LOGS / "kv_cache_too_big.log").read_text())

    assert any(line.startswith("Worker_PP1 on 10.0.0.2: ValueError: Available memory on node 0") for line in lines)


def test_a_message_that_all_ranks_print_is_shown_once() -> None:
    log = "".join(
        f"(RayWorkerProc pid={pid}) (Worker_TP{rank} pid={pid}) ERROR 11-21 00:31:59 [executor.py:1063] "
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
        for rank, pid in enumerate((11, 12, 13, 14))
    )

    lines, hint = decisive(log)

    assert lines == ("Worker_TP0: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",)
    assert hint is not None and "more GPUs" in hint


def test_a_cause_wins_over_the_wait_that_came_before_it() -> None:
    log = (
        "INFO 11-21 00:28:10 [ray_utils.py:467] Waiting for creating a placement group of specs for 10 seconds.\n"
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`.\n"
    )

    lines, hint = decisive(log)

    assert lines == ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`.",)
    assert hint is not None and "KV cache" in hint


def test_an_unknown_exception_is_shown_without_the_aftermath_and_without_a_hint() -> None:
    log = (
        "Traceback (most recent call last):\n"
        '  File "engine.py", line 3, in run\n'
        "somewhere.NovelError: the flux is inverted\n"
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
        "nanobind: leaked 64 types!\n"
    )

    assert decisive(log) == (("somewhere.NovelError: the flux is inverted",), None)


def test_a_log_without_any_exception_shows_its_last_words() -> None:
    assert decisive("one\n\ntwo\nthree\n", limit=2) == (("two", "three"), None)


def test_an_empty_log_says_nothing() -> None:
    assert decisive("") == ((), None)


def test_every_signature_compiles_and_says_cause_hint_and_source() -> None:
    for signature in SIGNATURES:
        assert not re.search(signature.pattern, ""), f"{signature.pattern} matches every line"
        assert signature.cause and signature.hint and signature.source
        assert not signature.hint.endswith("."), signature.hint
