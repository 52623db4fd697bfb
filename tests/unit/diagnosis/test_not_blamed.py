"""Lines of a start that went on, beside the failure of something that is not known: nobody is told that it was they."""

import os
from pathlib import Path

import pytest

from provision import Verdict, explain
from provision.diagnosis import diagnose, read_lines
from provision.diagnosis.explain import Explained
from provision.diagnosis.logs import Log

NEW = "(EngineCore pid=2) ERROR 11-21 10:05:00 [core.py:842] NovelError: the flux is inverted"

PASSING = (
    "(APIServer pid=1) WARNING 11-21 10:00:00 [x.py:30] Failed to import x: CUDA_HOME environment variable is not set.",
    "(APIServer pid=1) WARNING 11-21 10:00:00 [x.py:30] ModuleNotFoundError: No module named 'deep_ep'",
    "2026-11-21 10:00:00,123 - autotuner - WARNING - CUDA error: out of memory, trying another tactic",
    # Of a port that nobody uses, at each start of the host; and of a mount option.
    "[    5.1] mlx5_core 0000:01:00.0 enp1s0f0np0: Link down",
    "[    5.1] EXT4-fs (nvme0n1p2): re-mounted. Opts: errors=remount-ro",
    "[    5.1] NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x1 (GPU Reset) to 0x0 (None)",
    "[    5.1] NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None) to 0x3 (Drain P2P)",
    "[    5.1] NVRM: Xid (PCI:0000:3b:00): 43, pid=2241, name=python3, Ch 00000008",
    "2026-11-21 10:00:00,1\tWARNING node.py:1465 -- Unable to connect to GCS at 10.0.0.1:6379.",
    "[2026-11-21 10:00:05,200 W 41 41] rpc_client.h:153: Failed to connect to GCS at address 10.0.0.1:6379 within 5 s.",
    "(EngineCore pid=2) INFO 11-21 10:00:10 [ray_utils.py:243] Waiting for creating a placement group of specs",
    "[rank1]:[W1121 10:05:02.29 TCPStore.cpp:125] [c10d] recvValue failed on SocketImpl(fd=9): got 0 bytes",
    "urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='169.254.169.254', port=80): Max retries exceeded",
)


def told(text: str) -> Explained:
    return explain(Log("gpu-01", "log", text))


@pytest.mark.parametrize("line", PASSING)
def test_what_a_start_goes_on_from_is_not_called_the_cause_of_a_new_failure(line: str) -> None:
    assert told(f"{line}\n{NEW}\n").verdict is Verdict.UNKNOWN


ECHOES = (
    "RayWorkerProc rank=[8] died unexpectedly, shutting down executor.",
    "[rank0]:[E1121 10:15:00.1 ProcessGroupNCCL.cpp:632] [Rank 0] Watchdog caught collective operation timeout: "
    "WorkNCCL(SeqNum=1, OpType=BROADCAST, Timeout(ms)=600000) ran for 600009 milliseconds before timing out.",
    "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. 8/16 clients joined.",
    "TimeoutError: RPC call to sample_tokens timed out.",
)


@pytest.mark.parametrize("line", ECHOES)
def test_what_others_say_after_an_exception_that_is_not_known_is_not_called_its_cause(line: str) -> None:
    found = told(f"{NEW}\n{line}\n")
    assert found.verdict is Verdict.UNKNOWN and "NovelError: the flux is inverted" in found.evidence[0].line
    assert told(f"{line}\n").verdict is Verdict.LIKELY
    # Before it, it is the first that is known to have gone wrong.
    assert told(f"{line}\nNovelError: the flux is inverted\n").verdict is Verdict.LIKELY


def test_what_was_only_warned_of_is_likely_at_most() -> None:
    found = told("WARNING 11-21 10:00:00 [x.py:30] ModuleNotFoundError: No module named 'deep_ep'\n")
    assert (found.verdict, found.id) == (Verdict.LIKELY, "module-missing")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[1.0] mlx5_core 0000:5e:00.0 ens3: Link down", "[2.0] mlx5_core 0000:5e:00.0 ens3: Link up", "link-down"),
        ("[1.0] nfs: server 10.0.0.9 not responding", "[2.0] nfs: server 10.0.0.9 OK", "file-server-silent"),
        ("Failed to connect to GCS at address 10.0.0.1:6379 within 5 s.", "Ray runtime started.", "ray-unreachable"),
        (
            "Waiting for creating a placement group of specs for 10 seconds.",
            "rank 1 in world size 2 is assigned as DP rank 0, PP rank 1, TP rank 0",
            "placement-group",
        ),
    ],
)
def test_what_was_over_is_not_told(before: str, after: str, said: str) -> None:
    assert told(f"{before}\n").id == said
    assert told(f"{before}\n{after}\n").id == ""
    assert told(f"{after}\n{before}\n").id == said


def test_another_port_that_comes_up_is_not_the_one_that_went_down() -> None:
    assert told("mlx5_core 0000:5e:00.0 ens3: Link down\nmlx5_core 0000:5e:00.0 ens4: Link up\n").id == "link-down"


def test_what_the_kernel_ended_an_hour_before_is_not_missed_now(tmp_path: Path) -> None:
    log = tmp_path / "all.log"
    killed = "[Sat Nov 21 {}:00:00 2026] Out of memory: Killed process 4 (VLLM::Worker_TP) total-vm:9kB, anon-rss:9kB"
    last = "ERROR 11-21 10:30:00 [x.py:1] RayChannelTimeoutError: System error: Timed out waiting for object"
    for hour, said in (("10", "killed-for-memory"), ("07", "ray-channel")):
        log.write_text(f"{killed.format(hour)}\n{last}\n")
        os.utime(log, (1795300000, 1795300000))
        assert explain(log).id == said


def test_of_whom_the_kernel_ended_at_a_time_that_is_not_known_comes_after_what_is_dated(tmp_path: Path) -> None:
    killed = "[ 5123.1] Out of memory: Killed process 4 (VLLM::Worker_TP) total-vm:9kB, anon-rss:9kB"
    for last, said in (
        ("ValueError: No available memory for the cache blocks.", "kv-cache-none"),
        ("Worker proc VllmWorker-3 died unexpectedly, shutting down executor.", "killed-for-memory"),
    ):
        (tmp_path / "all.log").write_text(f"{killed}\nERROR 11-21 10:30:00 [x.py:1] {last}\n")
        assert explain(tmp_path / "all.log").id == said


def test_a_share_of_memory_is_only_advised_where_it_is_near_what_was_wanted() -> None:
    line = (
        "ValueError: Free memory on device cuda:0 ({}/94.97 GiB) on startup is less than desired GPU memory utilization"
    )
    assert "0.71" in told(f"{line.format(68.1)} (0.9, 85.47 GiB).").hint
    assert "gpu-memory-utilization" not in told(f"{line.format(3.27)} (0.9, 85.47 GiB).").hint


@pytest.mark.parametrize(
    "path",
    [
        "/data/x-ray-llama/config.json",
        "/tmp/models/qwen/model-00001-of-2.safetensors",
        "/data/ray/models/qwen/modeling_qwen.py",
        "/home/ray/.cache/huggingface/hub",  # of the user of Ray's own images
    ],
)
def test_nobody_is_told_to_remove_a_models_file(path: str) -> None:
    found = diagnose(read_lines(f"PermissionError: [Errno 13] Permission denied: '{path}'", "gpu-01"))
    assert found is not None and found.signature.id == "permission"


def test_of_ranks_that_ray_ended_the_node_is_told_with_and_without_the_next_line() -> None:
    first = "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."
    node = "Memory on the node (IP: 10.0.0.2, ID: 35) where the task was running was 9GB / 9GB (0.95)"
    assert (told(f"{first}\n\n{node}\n").id, told(f"{first}\n\n{node}\n").host) == ("ray-out-of-memory", "10.0.0.2")
    assert told(f"{first}\n").id == "ray-out-of-memory"


def test_of_ranks_that_ray_ended_another_ones_line_may_stand_between() -> None:
    said = "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."
    first = f"(RayWorkerProc pid=1, ip=10.0.0.1) {said}"
    other = "(RayWorkerProc pid=2, ip=10.0.0.2) INFO 11-21 10:00:00 [x.py:1] hello"
    assert told(f"{first}\n{other}\n").id == "ray-out-of-memory"
    assert [line.text for line in read_lines(f"{first}\n{first}\n{other}\n")] == [said, said, "hello"]
