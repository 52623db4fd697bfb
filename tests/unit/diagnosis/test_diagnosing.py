"""Each log in `logs/` was captured from a real failure of vLLM 0.32.0 or Ray 2.60.0, trimmed in its tracebacks."""

from pathlib import Path

import pytest

from provision.diagnosis import Diagnosis, decisive, diagnose, read_lines
from provision.diagnosis.lines import LINE
from provision.diagnosis.noise import AFTERMATH

LOGS = Path(__file__).parent / "logs"

TOLD = {
    "another_ray": ("ray-other-session", "Session name session_2026-11-21_06-43-35_455221_359 does not match"),
    "bad_value": ("flag-value", "argument --max-model-len: invalid human_readable_int_or_auto value: 'banana'"),
    "context_too_long": ("model-context", "max_model_len (100000) is greater than the derived"),
    "gated_model": ("model-gated", "GatedRepoError: 403 Client Error."),
    "gloo_on_loopback": ("gloo-loopback", "ERROR failed to connect"),
    "gloo_waits_for_loopback": ("gloo-mesh", "Gloo connectFullMesh failed"),
    "head_flag_on_a_worker": ("ray-head-flag", "`--port` should only be specified when starting head node"),
    "heads_not_divisible": ("heads-divisible", "attention heads (4) must be divisible by tensor parallel size (3)"),
    "kv_cache_too_big": ("kv-cache-cpu", "less than requested memory for kv"),
    "library_missing_on_a_worker": ("library-missing", "libnuma.so.1: cannot open shared object file"),
    "master_port_filtered": ("rendezvous-unreachable", "while trying to connect to (10.77.241.11, 29555)"),
    "missing_model": ("model-missing", "Repo id must be in the form"),
    "no_ray": ("ray-unreachable", "Failed to connect to GCS at address 10.0.0.1:6399 within 5 seconds."),
    "no_such_model": ("model-no-token", "RepositoryNotFoundError: 404"),
    "no_token": ("model-no-token", "RepositoryNotFoundError: 401"),
    "no_tokenizer": ("model-tokenizer", "Couldn't instantiate the backend tokenizer"),
    "object_store_too_big": ("ray-object-store", "available for tasks and actors (-"),
    "one_rank_alone": ("rendezvous-alone", "1/2 clients joined"),
    "own_code": ("model-own-code", "trust_remote_code=True"),
    "port_taken": ("port-in-use", "OSError: [Errno 98] Address already in use"),
    "rank_died": ("rank-died", "RayWorkerProc rank=[1] died unexpectedly"),
    "ray_folder_of_somebody_else": ("ray-temp-dir", "Permission denied: '/tmp/theirs/r'"),
    "ray_no_token_file": ("ray-no-token", "RAY_AUTH_TOKEN_PATH is set but file cannot be opened or is empty"),
    "ray_port_taken": ("ray-node-timeout", "The current node timed out during startup"),
    "shm_too_small": ("shm-too-small", "160 MiB required, 1 MiB free"),
    "socket_path_of_vllm_too_long": ("socket-path", "is longer than 107 characters"),
    "socket_path_too_long": ("socket-path", "AF_UNIX path length cannot exceed 107 bytes"),
    "too_few_gpus": ("placement-group", "The number of required GPUs exceeds the total number of available GPUs"),
    "too_few_open_files": ("open-files", "signal_set_service pipe: Too many open files"),
    "unknown_flag": ("flag-unknown", "unrecognized arguments: --no-such-flag 3"),
    "unknown_model_type": ("model-type", "has model type `novel`"),
    "unsupported_architecture": ("model-architecture", "Model architectures ['NovelForCausalLM'] are not supported"),
    "wrong_token": ("ray-token", "InvalidAuthToken: Authentication token is missing or incorrect"),
}


def diagnosed(text: str, host: str = "gpu-01") -> Diagnosis:
    found = diagnose(read_lines(text, host))
    assert found is not None
    return found


@pytest.mark.parametrize("log", sorted(TOLD))
def test_a_failed_start_is_told_by_its_cause_and_the_line_that_says_it(log: str) -> None:
    signature, line = TOLD[log]

    found = diagnosed((LOGS / f"{log}.log").read_text())

    assert found.signature.id == signature
    assert line in found.evidence[0].text


@pytest.mark.parametrize("log", sorted(TOLD))
def test_what_is_shown_of_one_log_is_short_and_no_traceback(log: str) -> None:
    lines, hint = decisive((LOGS / f"{log}.log").read_text(), limit=6)

    assert 1 <= len(lines) <= 6
    assert hint
    assert max(map(len, lines)) <= LINE
    assert not any("Traceback" in line or "\x1b" in line for line in lines)


def test_every_captured_log_is_told() -> None:
    assert {path.stem for path in LOGS.glob("*.log")} == set(TOLD)


def test_a_rank_on_another_host_is_named_with_its_address() -> None:
    lines, _ = decisive((LOGS / "kv_cache_too_big.log").read_text())

    assert any(line.startswith("Worker_PP1 on 10.0.0.2: ValueError: Available memory on node 0") for line in lines)


def test_what_a_rank_says_through_the_heads_log_happened_on_the_ranks_host() -> None:
    log = (
        "(RayWorkerProc pid=619, ip=10.0.0.2) (Worker_PP1 pid=619) ERROR 11-21 00:31:59 [w.py:1] "
        "ImportError: libnuma.so.1: cannot open shared object file: No such file or directory\n"
    )

    found = diagnose(read_lines(log, "gpu-01", "gpu-01:/log", addresses={"10.0.0.2": "gpu-02"}))

    assert found is not None
    assert (found.host, found.evidence[0].place) == ("gpu-02", "gpu-01:/log")
    assert "gpu-02" in found.cause and "gpu-02" in found.fix


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

    assert diagnosed(log).signature.id == "kv-cache-none"


def test_of_two_causes_the_first_in_time_wins() -> None:
    log = "OSError: [Errno 28] No space left on device\nModuleNotFoundError: No module named 'flashinfer'\n"

    assert diagnosed(log).signature.id == "disk-full"


def test_vllms_usual_word_about_open_files_is_no_diagnosis() -> None:
    log = (
        "(APIServer pid=1) WARNING 11-21 00:24:35 [system_utils.py:255] Found ulimit of 20000 and failed to "
        "automatically increase with error current limit exceeds maximum limit. This can cause fd limit errors like "
        "`OSError: [Errno 24] Too many open files`. Consider increasing with ulimit -n\n"
    )

    assert diagnose(read_lines(log)) is None


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


@pytest.mark.parametrize(
    "text",
    [
        "Global stats: 3 total (0 active)",
        " (0 active), Execution time: mean = 1.42ms, total = 2.84ms, Queueing time: mean = 0.01ms, max = 0.01ms",
        "0.01ms, max = 0.01ms, min = 0.01ms, total = 0.02ms",
        "Queueing time: mean = 3.01ms, max = 7.75ms, min = 0.00ms, total = 9.02ms",
        "Execution time:  mean = 0.01ms, total = 0.04ms",
        "event_loop_lag_probe - 2 total (0 active), Execution time: mean = 0.02ms, total = 0.04ms",
        "\tray::rpc::InternalKVGcsService.grpc_server.GetInternalConfig - 1 total (0 active), CPU time: mean = 0.2 ms",
    ],
)
def test_what_rays_event_loops_count_is_never_the_best_line(text: str) -> None:
    assert AFTERMATH.search(text)
