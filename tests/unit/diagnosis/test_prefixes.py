"""What stands in front of a message, by who writes it."""

import pytest

from provision.diagnosis.prefixes import strip

SAID = "RuntimeError: it broke"


@pytest.mark.parametrize(
    ("line", "rank", "address", "level", "time"),
    [
        (f"ERROR 11-21 00:31:59 [core.py:1] {SAID}", "", "", "error", "11-21 00:31:59"),
        (f"ERROR 02-09 02:31:11 core.py:389] {SAID}", "", "", "error", "02-09 02:31:11"),
        (f"(VllmWorker rank=1 pid=115) ERROR 07-27 23:31:27 [a.py:5] {SAID}", "1", "", "error", "07-27 23:31:27"),
        (f"(EngineCore_DP0 pid=1) (RayWorkerWrapper pid=2, ip=10.0.0.2) {SAID}", "", "10.0.0.2", "", ""),
        (f"\x1b[36m(RayWorkerWrapper pid=2, ip=10.0.0.2)\x1b[0m {SAID}", "", "10.0.0.2", "", ""),
        (f"(raylet, ip=10.0.0.2) [2025-04-02 15:02:00,117 E 1 1] (raylet) node_manager.cc:3069: {SAID}",
         "", "10.0.0.2", "error", "2025-04-02 15:02:00"),
        (f"[rank0]: {SAID}", "0", "", "", ""),
        (f"[rank3]:[E1012 11:40:02.153204 ProcessGroupNCCL.cpp:552] {SAID}", "3", "", "error", "10-12 11:40:02"),
        (f"[rank0]:[W902 16:27:57.294674455 socket.cpp:494] {SAID}", "0", "", "warning", "09-02 16:27:57"),
        (f"Nov 21 00:31:59 gpu-02 vllm[812]: (EngineCore pid=9) ERROR 11-21 00:31:59 [a.py:4] {SAID}",
         "", "", "error", "11-21 00:31:59"),
        (f"2026-11-21T00:31:59.123456+01:00 gpu-02 kernel: {SAID}", "", "", "", "2026-11-21 00:31:59"),
        (f"2026-11-21T00:31:59.123456789Z {SAID}", "", "", "", "2026-11-21 00:31:59"),
        (f"[Thu Nov 21 00:31:59 2026] {SAID}", "", "", "", "2026-11-21 00:31:59"),
        (f"[  863.100000] {SAID}", "", "", "", "863.100000 s after boot"),
        (f"vllm-head-1  | {SAID}", "", "", "", ""),
        (f"2025-03-30 17:22:35,502\tWARNING node.py:1465 -- {SAID}", "", "", "warning", "2025-03-30 17:22:35"),
        (f"{SAID} [repeated 8x across cluster] (Ray deduplicates logs)", "", "", "", ""),
        (f"[1;36m(RayWorkerWrapper pid=2, ip=10.0.0.2)[0;0m {SAID}", "", "10.0.0.2", "", ""),
        (f"\ufffd[1;36m(VllmWorker rank=3 pid=48)\ufffd[0;0m {SAID}", "3", "", "", ""),
        (f"#033[1;36m(VllmWorker rank=3 pid=48)^[[0;0m {SAID}", "3", "", "", ""),
        (f"\x1b[?25l\x1b]0;title\x07\x1b[38;5;12m{SAID}\x1b[K", "", "", "", ""),
        (f"2025-06-19 16:59:23 - app.server - INFO - {SAID}", "", "", "info", "2025-06-19 16:59:23"),
        (f"2025-06-19 16:59:23,120 WARNING {SAID}", "", "", "warning", "2025-06-19 16:59:23"),
        (f"INFO:     {SAID}", "", "", "info", ""),
        (f"Nov 21 00:31:59 {SAID}", "", "", "", "11-21 00:31:59"),
        # Docker Desktop; an editor that found a line in a file.
        (f"2026-04-19 12:59:20.215 | (EngineCore pid=9) INFO 04-19 10:59:19 [a.py:5] {SAID}",
         "", "", "info", "04-19 10:59:19"),
        (f"  Line 122: (EngineCore pid=9) ERROR 08-18 20:42:56 [a.py:5] {SAID}", "", "", "error", "08-18 20:42:56"),
    ],
)  # fmt: skip
def test_prefixes_are_read_and_taken_away(line: str, rank: str, address: str, level: str, time: str) -> None:
    found = strip(line)
    assert (found.text, found.rank, found.address, found.level, found.time) == (SAID, rank, address, level, time)


@pytest.mark.parametrize(
    "before",
    [
        "Nov 21 00:31:59 gpu-02 kernel: ",
        "Sat 2026-11-21 00:31:59 UTC gpu-02 vllm.service[12]: ",
        "1795219919.123456 gpu-02 vllm[12]: ",
        "[12345.678901] gpu-02 vllm[12]: ",
        "<11>1 2026-11-21T00:31:59.123Z gpu-02 vllm 12 - - ",
        "[pod/gpu-02/vllm] ",
        "gpu-02: ERROR 11-21 00:31:59 [a.py:1] ",
        "gpu-02 vllm (EngineCore pid=3) ",
    ],
)
def test_the_journal_and_who_gathers_the_logs_of_several_name_the_host(before: str) -> None:
    found = strip(f"{before}{SAID}")
    assert (found.host, found.text) == ("gpu-02", SAID)


def test_a_line_without_an_end_takes_no_time_and_is_read_at_both_ends() -> None:
    text = strip(f"NovelError: {'(' * 500_000}{'1;' * 500_000} the end").text
    assert text.startswith("NovelError: ((")
    assert text.endswith("the end")
    assert len(text) < 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "(a) b",
        "a: (b) c",
        "at 12: full",
        "GPU 0: x",
        "[1;2] m",
        "> a quote",
        "7: it broke",
        "| a | b |",
        "[x] y",
        "(GPU 0) full",
        "12:00 noon",
    ],
)
def test_what_is_no_prefix_stays(text: str) -> None:
    assert strip(text).text == text


def test_nccl_says_its_level_in_the_line() -> None:
    assert strip("gpu-01:8:9 [0] NCCL INFO NET/IB : No device found.").level == "info"
    assert strip("gpu-01:8:9 [0] init.cc:4 NCCL WARN Cuda failure 'out of memory'").level == "warning"
