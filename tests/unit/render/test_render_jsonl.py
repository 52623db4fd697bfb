import io
import json

import pytest
from check_samples import a_check, some_changes
from render_samples import a_report, a_run, an_error

from provision.core.errors import InventoryError, Problem
from provision.core.secret import Secret
from provision.render.encode import encode, timestamp
from provision.render.jsonl import JsonView, error_line, report_line
from provision.render.out import Out


def test_every_event_is_one_line_of_json(stream: io.StringIO) -> None:
    view = JsonView(Out(stream))
    for event in a_run():
        view.handle(event, 1_800_000_000.5)
    lines = stream.getvalue().splitlines()
    values = [json.loads(line) for line in lines]
    assert len(values) == len(a_run())
    assert all(v["v"] == 1 and v["time"] == "2027-01-15T08:00:00.500Z" and "host" in v for v in values)
    assert [v["event"] for v in values][-7:] == [
        "output", "step-done", "step-skipped", "failed", "note", "host-done", "run-done"
    ]  # fmt: skip


def test_a_step_and_its_change_use_the_same_words(stream: io.StringIO) -> None:
    view = JsonView(Out(stream))
    for event in a_run():
        view.handle(event, 0)
    values = {v["event"]: v for v in map(json.loads, stream.getvalue().splitlines())}
    change = values["planned"]["plan"]["changes"][0]
    done = values["step-done"]
    assert (done["step"], done["action"]) == (change["step"], change["action"])
    assert change["action"] == "create"
    assert values["planned"]["plan"]["changes"][1]["differences"] == [
        {"aspect": "--max-model-len", "expected": "8192", "found": "4096"}
    ]


def test_the_last_line_is_the_report() -> None:
    value = json.loads(report_line(a_report(), 0))
    assert value["event"] == "report"
    assert value["report"]["exit_code"] == 1
    assert value["report"]["mode"] == "up"
    assert value["report"]["hosts"][1]["errors"][0]["hint"] == an_error().hint


def test_an_inventory_that_cannot_be_read_is_reported_problem_by_problem() -> None:
    error = InventoryError([Problem("i.yaml", 3, 5, "hosts", "is empty", "list one")])
    value = json.loads(error_line(error, 2, 0))
    assert value["exit_code"] == 2
    assert value["error"]["kind"] == "InventoryError"
    assert value["error"]["problems"] == [
        {"file": "i.yaml", "line": 3, "column": 5, "path": "hosts", "message": "is empty", "hint": "list one"}
    ]


def test_a_secret_has_no_json_form_but_its_mask() -> None:
    assert "hunter2" not in json.dumps(encode({"password": Secret("hunter2")}))


def test_what_is_not_known_is_refused_rather_than_guessed() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        encode(object())


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(0.1234) == "1970-01-01T00:00:00.123Z"


def test_a_checks_report_holds_findings_facts_and_changes() -> None:
    report = json.loads(report_line(a_check(since=some_changes()), 0))["report"]
    assert report["findings"][1] == {
        "host": "gpu-02",
        "area": "drivers",
        "fact": "driver",
        "severity": "drift",
        "found": "580.82.07",
        "expected": "580.65.06",
        "against": "peers",
        "message": "driver is `580.82.07`, the other hosts have `580.65.06`",
        "why": "the ranks of one model must run the same driver",
        "hint": "install 580.65.06 on gpu-02",
        "evidence": [],
        "id": "",
        "accepted": "",
    }
    assert report["known"]["gpu-03"][1] == {"area": "gpus", "fact": "GPUs", "value": "7", "lasting": True}
    assert report["since"]["taken"] == "2026-11-18T11:06:40.000Z"
    assert report["since"]["changes"][0] == {
        "host": "gpu-02", "area": "drivers", "fact": "driver", "before": "580.65.06", "after": "580.82.07",
    }  # fmt: skip
