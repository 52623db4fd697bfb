"""The logs of all hosts, read together when a service has failed. Answers as the script on the hosts prints them."""

from collections.abc import Mapping

from provision.core.errors import HostError, ScriptFailed
from provision.core.inquiry import Explanation
from provision.core.script import Fragment
from provision.resources.service_logs import LogPlaces, ServiceLogs

# 2026-11-21 12:00:00 UTC.
NOON = 1795262400


def asked(name: str, ip: str, ahead: float = 0.0) -> LogPlaces:
    return LogPlaces(name, ip, f"/root/{name}", "/tmp/ray", "provision-", NOON + int(ahead), ahead)


def answer(*files: tuple[str, int, str], ahead: int = 0) -> Fragment:
    """`files`: path, seconds after noon when it was changed, by the host's clock, and its text."""
    said = [f"@clock {NOON + 300 + ahead} +0000 10000.5"]
    for path, changed, text in files:
        said += [f"@file {NOON + changed + ahead} {path}", *(f"|{line}" for line in text.splitlines())]
    return Fragment(0, "\n".join(said), "")


def explained(
    answers: Mapping[str, Fragment], *errors: HostError, hosts: tuple[LogPlaces, ...] = ()
) -> dict[str, Explanation]:
    logs = ServiceLogs(hosts or (asked("gpu-01", "10.0.0.1"), asked("gpu-02", "10.0.0.2")))
    return dict(logs.read({f"step-{i}": error for i, error in enumerate(errors)}, answers))


def failure(host: str = "gpu-01", *evidence: str) -> ScriptFailed:
    return ScriptFailed(host, "vLLM: failed (exit code 1)", evidence=evidence)


RANK_DIED = "ERROR 11-21 12:01:30 [ray.py:496] RayWorkerProc rank=[1] died unexpectedly, shutting down executor."


def test_a_cause_on_a_worker_explains_what_failed_on_the_head() -> None:
    told = explained(
        {
            "gpu-01": answer(("/root/gpu-01/vllm/log", 91, RANK_DIED)),
            "gpu-02": answer(
                ("kernel", 300, "[ 9789.5] Out of memory: Killed process 77 (ray::RayWorker) total-vm:1kB")
            ),
        },
        failure(),
    )["step-0"]

    assert told.message == (
        "vLLM: failed (exit code 1): the kernel of gpu-02 ended `ray::RayWorker` (pid 77), "
        "because the host ran out of memory"
    )
    assert "gpu-02:kernel  Out of memory: Killed process 77" in told.evidence[0]
    assert "give gpu-02 more memory" in told.hint


def test_a_port_that_is_taken_names_the_key_of_this_inventory() -> None:
    said = "OSError: [Errno 98] error while attempting to bind on address ('10.0.0.1', 9123): address already in use"
    logs = ServiceLogs((asked("gpu-01", "10.0.0.1"),), ((9123, "serve.port"),))
    told = logs.read({"step": failure()}, {"gpu-01": answer(("/root/gpu-01/vllm/log", 5, said))})["step"]
    assert told.hint.endswith("stop it, or choose another `serve.port` in the inventory")


def test_the_host_is_said_where_the_cause_does_not_name_it() -> None:
    told = explained({"gpu-02": answer(("/root/gpu-02/ray/log", 5, "Bfloat16 is only supported on GPUs"))}, failure())
    assert told["step-0"].message == "vLLM: failed (exit code 1): on gpu-02, the GPU has no bfloat16"


def test_a_log_of_an_earlier_run_says_nothing_about_this_one() -> None:
    told = explained(
        {"gpu-01": answer(("/tmp/ray/worker-1.err", -600, "OSError: [Errno 98] Address already in use"))}, failure()
    )
    assert told["step-0"].message.endswith("the cause is not known")


def test_lines_of_an_earlier_run_in_a_log_that_goes_on_say_nothing_either() -> None:
    text = (
        "[2026-11-21 11:40:00,001 E 1 1] gcs.cc:1: Address already in use\n"
        "[2026-11-21 12:02:00,001 E 1 1] gcs.cc:1: the flux is inverted\n"
    )
    told = explained({"gpu-01": answer(("/tmp/ray/gcs_server.out", 120, text))}, failure())["step-0"]
    assert told.message.endswith("the cause is not known")
    assert not any("11:40" in line or "already in use" in line for line in told.evidence)


def test_an_unknown_cause_shows_the_lines_of_all_hosts_in_the_order_in_which_they_were_said() -> None:
    head = "ERROR 11-21 12:01:30 [core.py:1] RuntimeError: the engine has no power\n"
    # This host's clock is an hour ahead.
    worker = "ERROR 11-21 13:01:10 [core.py:1] LookupError: the flux is inverted\n"
    told = explained(
        {
            "gpu-01": answer(("/root/gpu-01/vllm/log", 90, head)),
            "gpu-02": answer(("/root/gpu-02/ray/log", 70, worker), ahead=3600),
        },
        failure(),
        hosts=(asked("gpu-01", "10.0.0.1"), asked("gpu-02", "10.0.0.2", ahead=3600.0)),
    )["step-0"]

    assert told.message == "vLLM: failed (exit code 1); the cause is not known"
    assert [line.split("  ")[1] for line in told.evidence] == [
        "gpu-02:/root/gpu-02/ray/log",
        "gpu-01:/root/gpu-01/vllm/log",
    ]
    assert told.evidence[0].endswith("LookupError: the flux is inverted")
    assert told.hint


def test_a_time_line_is_short_and_leaves_no_host_out() -> None:
    hosts = tuple(asked(f"gpu-{i:02}", f"10.0.0.{i}") for i in range(1, 9))
    text = "\n".join(f"ERROR 11-21 12:01:{s:02} [x.py:1] OddError: number {s}" for s in range(60))
    answers = {h.name: answer((f"/root/{h.name}/ray/log", 100, text.replace("number", h.name))) for h in hosts}

    told = explained(answers, failure(), hosts=hosts)["step-0"]

    assert len(told.evidence) <= 20
    assert {line.split("  ")[1].partition(":")[0] for line in told.evidence} == {h.name for h in hosts}


def test_a_host_that_could_not_be_asked_is_named() -> None:
    told = explained({"gpu-01": answer(("/root/gpu-01/vllm/log", 91, RANK_DIED))}, failure())["step-0"]
    assert told.evidence[-1] == "gpu-02 could not be asked"


def test_two_hosts_that_fail_each_for_a_reason_of_their_own_are_told_apart() -> None:
    told = explained(
        {
            "gpu-01": answer(("/root/gpu-01/ray/log", 10, "OSError: [Errno 98] Address already in use")),
            "gpu-02": answer(("/root/gpu-02/ray/log", 11, "OSError: [Errno 28] No space left on device")),
        },
        failure("gpu-01"),
        failure("gpu-02"),
    )
    assert "a port that is needed on gpu-01 is taken" in told["step-0"].message
    assert "is full" in told["step-1"].message


def test_what_the_step_itself_printed_counts_where_the_logs_explain_less() -> None:
    told = explained({"gpu-01": answer()}, failure("gpu-01", "did not join Ray in time: gpu-02 (10.0.0.2)"))["step-0"]
    assert told.message.endswith("gpu-02 (10.0.0.2) did not join Ray in time")
    assert told.evidence[0] == "gpu-01  did not join Ray in time: gpu-02 (10.0.0.2)"


def test_whom_the_step_named_is_still_named_where_a_log_explains_more() -> None:
    log = "[2026-11-21 12:00:30,754 W 58 58] rpc_client.h:153: Failed to connect to GCS at address 10.0.0.1:6379 within"
    told = explained(
        {"gpu-01": answer(), "gpu-02": answer(("/root/gpu-02/ray/log", 30, log))},
        failure("gpu-01", "did not join Ray in time: gpu-02 (10.0.0.2)"),
    )["step-0"]
    assert "nothing answers gpu-02 at the Ray head's address" in told.message
    assert told.evidence[-1] == "did not join Ray in time: gpu-02 (10.0.0.2)"


def test_a_line_of_the_log_that_the_step_showed_too_is_shown_once() -> None:
    line = "OSError: [Errno 98] Address already in use"
    told = explained(
        {"gpu-01": answer(("/root/gpu-01/vllm/log", 9, line)), "gpu-02": answer()}, failure("gpu-01", line)
    )
    assert len(told["step-0"].evidence) == 1


def test_what_a_step_showed_stays_where_no_host_says_anything() -> None:
    told = explained({}, failure("gpu-01", "its last words"))["step-0"]
    assert told.evidence[0] == "its last words"


def test_an_answer_that_makes_no_sense_is_no_reason_to_fail() -> None:
    told = explained({"gpu-01": Fragment(0, "@clock x\n@file y /z\n|text\n@file\n|more", "")}, failure())
    assert told["step-0"].message.endswith("the cause is not known")
