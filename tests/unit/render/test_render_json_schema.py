"""docs/report.schema.json describes what is written, field by field, and docs/json.md says the same."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from check_samples import a_check, a_finding, some_changes
from json_tables import DOCS, SCHEMA, document
from jsonschema import Draft202012Validator, ValidationError
from render_samples import a_plan, a_report, a_run, an_error
from serving_samples import a_bench, a_smoke
from status_samples import HOLDER as UNDER_WAY
from status_samples import a_host as a_seen_host
from status_samples import a_status, an_unreachable_host

from provision import Log, explain
from provision.begin.begin import Proposal
from provision.begin.named import Named
from provision.begin.pins import pins_for
from provision.begin.survey import Surveyed
from provision.cluster.closing import Closing, Ports
from provision.cluster.firewall import Firewall, Rule
from provision.core import events
from provision.core.errors import InventoryError, NameNotFound, Problem, ProvisionError
from provision.core.finding import blocker
from provision.core.lease import Answer, Holder
from provision.core.plan import Mode, make_plan
from provision.core.resource import Difference
from provision.core.sizing import StageSize
from provision.export.common import File
from provision.export.export import Export
from provision.export.layout import SecretPlace
from provision.facts import Facts
from provision.inventory.compose_import import ImportedInventory
from provision.lab.lab import LabHost, LabReport
from provision.operate.log_lines import LogLine
from provision.parallel.cut import Cut
from provision.parallel.fit import Fit
from provision.parallel.size import Room
from provision.render.begun import begun_json
from provision.render.encode import encode, event_json
from provision.render.explained import explained_json
from provision.render.export import export_json
from provision.render.firewall import firewall_json
from provision.render.fit import fit_json
from provision.render.imported import import_json
from provision.render.jsonl import error_line, report_line, result_line
from provision.render.lab import lab_json
from provision.render.leases import unlock_json
from provision.render.logs import log_json
from provision.render.look import look_json
from provision.render.prunable import leftovers_json
from provision.render.serving import bench_json, smoke_json
from provision.render.status import status_json
from provision.serving.look import Look, TriedSocket
from provision.stack.prunable import Leftover

VALIDATOR = Draft202012Validator(SCHEMA)
LAB = LabReport(
    "demo",
    Path("/lab"),
    (LabHost("lab-1", "10.0.0.1", 22, 0, 2),),
    "namespaces",
    "sshd",
    Path("/lab/i.yaml"),
    ("slow",),
)
RULES = (Rule("tcp", "SSH", (22,), ("10.0.0.2",), ("10.0.0.1",)),)
CLOSED = Closing(
    "llama",
    {"a": ("10.0.0.1",)},
    frozenset(),
    (Ports(6379, 6379, "Ray"),),
    api=8000,
    api_from=("10.0.0.0/8",),
    leave=(9,),
)
HOLDER = Holder("up", "ann@laptop", "10.0.0.9", 7, "llama", since=1.0)
FIREWALL = Firewall("llama", {"a": "10.0.0.1"}, RULES, CLOSED, ("a note",))
EXPORT = Export("script", "llama", {"a": File("")}, {"a": (SecretPlace("/opt/s", "for vLLM", ("K",)),)}, ("n",), False)
STAGE = StageSize(0, ("host-1",), 36, 5 * 2**30, 2**30, 2**30, 3 * 2**30, 72 * 2**30)
FIT = Fit("m", (Room("host-1", 8, 80 * 2**30),), Cut(8, 1), 4096, True, STAGE)
RAN = [
    {"host": "a", "code": 1, "stdout": "x\n", "stderr": "", "error": None},
    {"host": "b", "code": None, "stdout": "", "stderr": "", "error": NameNotFound("b", "resolves nowhere")},
]
NAMED = (Named("a"), Named("b", address="10.0.0.2"))
SURVEYED = Surveyed(NAMED, {"a": Facts()}, {"b": NameNotFound("b", "resolves nowhere")}, "a")
BEGUN = Proposal("", SURVEYED, pins_for(SURVEYED.facts))
SEEN = (a_seen_host(busy=True, holder=UNDER_WAY), an_unreachable_host())
KEY = {"host": "a", "address": "10.0.0.1", "port": 22, "kind": "", "fingerprint": "", "status": "unreachable"}


def of_type(line: dict[str, Any]) -> Draft202012Validator:
    """For the one kind of line that `line` is: the message names the field, not twenty kinds that it is not."""
    return VALIDATOR.evolve(schema={"$ref": f"#/$defs/line:{line['event']}", "$defs": SCHEMA["$defs"]})


def lines() -> list[dict[str, Any]]:
    blocked = make_plan(Mode.UP, [], {}, [blocker("gpu-02", "driver is `535`", ("so says nvidia-smi",), "update it")])
    mistakes = InventoryError([Problem("i.yaml", 3, 5, "hosts", "is empty", "list one")])
    run = [event_json(event, 0.0) for event in (*a_run(), events.Planned("", blocked))]
    texts = [
        report_line(a_report(), 0.0),
        report_line(a_report(plan=a_plan(Mode.DOWN), mode=Mode.DOWN, command="down"), 0.0),
        report_line(a_check(since=some_changes()), 0.0),
        report_line(a_check(plan=None, findings=(a_finding(host=""),), known={}), 0.0),
        error_line(mistakes, 2, 0.0),
        error_line(an_error(), 1, 0.0),
        result_line("lock", {"path": Path("cluster.lock")}, 0.0),
        result_line("lock", {"changes": ["vllm 0.32.0 → 0.33.0"]}, 0.0),
        result_line("prune", leftovers_json((Leftover("a", "/opt/provision/envs/0", 4, "half removed"),)), 0.0),
        result_line("import", import_json(ImportedInventory({}, ["a → b"], ["c"]), Path("inventory.yaml")), 0.0),
        result_line("init", {"path": "inventory.yaml", "example": "two-nodes"}, 0.0),
        result_line("init", begun_json(BEGUN, Path("inventory.yaml")), 0.0),
        result_line("lint", {"path": "inventory.yaml", "exit_code": 0, "error": None}, 0.0),
        result_line("lint", {"path": "inventory.yaml", "exit_code": 2, "error": mistakes}, 0.0),
        result_line("export", export_json(EXPORT, Path("llama-script")), 0.0),
        result_line("unlock", unlock_json({"a": [Answer("taken", HOLDER)], "b": [Answer("free")]}), 0.0),
        result_line("firewall", firewall_json(FIREWALL), 0.0),
        result_line("explain", explained_json(explain(Log("gpu-01", "log", "CUDA error: out of memory"))), 0.0),
        result_line("explain", explained_json(explain(Log("", "", "nothing that is known"))), 0.0),
        result_line("fit", fit_json(FIT), 0.0),
        result_line("fit", fit_json(replace(FIT, stage=None, fits=None, unknown="not known")), 0.0),
        result_line("fits", {"options": [{"hosts": 1, "gpus": 8, "gpu": "H100", **fit_json(FIT)}]}, 0.0),
        result_line("look", look_json(Look("", (TriedSocket("a", "10.0.0.1", 6379, "silent", False),))), 0.0),
        result_line("host-key", {**KEY, "error": NameNotFound("a", "resolves nowhere")}, 0.0),
        result_line("host-key", {**KEY, "status": "new", "error": None}, 0.0),
        result_line("trust", {"recorded": 2}, 0.0),
        result_line("lab", lab_json(LAB), 0.0),
        result_line("lab", lab_json(LabReport("none", Path("/lab"))), 0.0),
        result_line("lab", {"name": "demo", "changed": True}, 0.0),
        result_line("stage", {"stage": "up", "text": "Ray and vLLM"}, 0.0),
        result_line("answer", {"url": "http://a", "question": "?", "answer": "!"}, 0.0),
        result_line("status", status_json(a_status()), 0.0),
        result_line("status", status_json(a_status(hosts=SEEN, work=None, last_up=None, environment="")), 0.0),
        result_line("log", log_json(LogLine("a", "vllm", "/log", "ready", 1.0, "info")), 0.0),
        result_line("log", log_json(LogLine("a", "vllm", "/log", "ready", None, "")), 0.0),
        result_line("logs", {"errors": [NameNotFound("a", "resolves nowhere")]}, 0.0),
        result_line("tunnel", {"base_url": "http://a/v1", "model": "m", "dashboard": "", "token": ""}, 0.0),
        result_line("exec", {"command": ["false"], "hosts": RAN}, 0.0),
        result_line(
            "bundle",
            {
                "file": "t.tar.gz",
                "bytes": 1,
                "files": {"check.txt": 1},
                "errors": [ProvisionError("no")],
                "exit_code": 1,
            },
            0.0,
        ),
        result_line("metrics", {"folder": "watch", "files": ["gpus.sh"], "to_add": ["vllm-key"], "notes": ["n"]}, 0.0),
        result_line("ray", {"command": ["ray", "status"], "hosts": RAN[:1]}, 0.0),
        result_line("ssh", {"command": ["ssh", "a"]}, 0.0),
        result_line("env", {"command": ["ssh", "a"]}, 0.0),
        result_line("smoke", smoke_json(a_smoke()), 0.0),
        result_line("bench", bench_json(a_bench()), 0.0),
        result_line("bench", bench_json(a_bench(first=None, next=None, failed=1, errors=("refused (1 times)",))), 0.0),
    ]
    return [*run, *map(json.loads, texts)]


def objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object with fields of its own."""
    if isinstance(value, dict):
        if "properties" in value and "required" in value:
            yield path, value
        for key, inner in value.items():
            yield from objects(inner, f"{path}/{key}")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("line", lines(), ids=lambda line: line["event"])
def test_every_line_is_as_described(line: dict[str, Any]) -> None:
    of_type(line).validate(line)
    VALIDATOR.validate(line)


def test_every_event_is_described_and_every_description_was_tried() -> None:
    described = {name.removeprefix("line:") for name in SCHEMA["$defs"] if name.startswith("line:")}
    kinds = {event_json(event, 0.0)["event"] for event in a_run()}
    assert len(kinds) == len({kind.__name__ for kind in events.Event.__subclasses__()})
    assert kinds < described
    assert {line["event"] for line in lines()} == described


def test_a_hint_is_left_out_of_a_difference_that_has_none() -> None:
    described = VALIDATOR.evolve(schema=SCHEMA["$defs"]["difference"])
    for difference in (Difference("", None, "1"), Difference("flag", "2", None, "restart it")):
        described.validate(encode(difference))
    assert "hint" not in SCHEMA["$defs"]["difference"]["required"]


def test_no_field_goes_undescribed() -> None:
    for path, schema in objects(SCHEMA):
        assert schema["additionalProperties"] is False, path
        for name, field in schema["properties"].items():
            assert field["description"], f"{path}/{name}"


def test_another_field_or_one_less_is_told_apart() -> None:
    line = json.loads(report_line(a_check(), 0.0))
    VALIDATOR.validate(line)
    with pytest.raises(ValidationError, match="'extra' was unexpected"):
        of_type(line).validate({**line, "report": {**line["report"], "extra": 1}})
    del line["report"]["findings"][0]["why"]
    with pytest.raises(ValidationError, match="'why' is a required property"):
        of_type(line).validate(line)


def test_the_document_says_what_the_schema_says() -> None:
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    assert text == document(), "run tests/unit/render/json_tables.py"
