"""The arithmetic of a cut, as `provision plan` shows it, and as JSON."""

import json
from typing import Any

from json_tables import SCHEMA
from jsonschema import Draft202012Validator
from render_samples import a_report

from provision.core.sizing import Sizing, StageSize
from provision.core.wording import GIB
from provision.render.jsonl import report_line
from provision.render.sizing import sizing_lines


def stage(number: int, **other: Any) -> StageSize:
    values: dict[str, Any] = {
        "stage": number,
        "hosts": (f"gpu-{number + 1:02d}",),
        "layers": 40,
        "weights": 33 * GIB,
        "kv": 10 * GIB,
        "least": 1 * GIB,
        "most": 4 * GIB,
        "allowed": 73 * GIB,
    }
    return StageSize(**{**values, **other})


def sizing(*stages: StageSize, **other: Any) -> Sizing:
    values: dict[str, Any] = {
        "model": "/models/llama",
        "source": "/models/llama on gpu-01",
        "tensor_parallel": 2,
        "pipeline_parallel": len(stages),
        "length": 131072,
        "weights": 132 * GIB,
        "utilization": 0.92,
        "stages": stages,
    }
    return Sizing(**{**values, **other})


def test_a_stage_has_a_line_with_its_arithmetic() -> None:
    lines = sizing_lines(sizing(stage(0), stage(1, layers=39, weights=32 * GIB)))
    assert lines == [
        "/models/llama: tensor_parallel 2 × pipeline_parallel 2, 131072 tokens; GiB of each GPU",
        "stage  hosts   layers  weights  KV cache  overhead  may take          left",
        "0      gpu-01      40     33.0      10.0   1.0-4.0      73.0  26.0 to 29.0  fits",
        "1      gpu-02      39     32.0      10.0   1.0-4.0      73.0  27.0 to 30.0  fits",
        "numbers from /models/llama on gpu-01; may take: 0.92 of the GPU",
    ]


def test_stages_that_take_the_same_share_a_line() -> None:
    lines = sizing_lines(sizing(*(stage(number) for number in range(8)), stage(8, layers=1)))
    assert [line.split()[0] for line in lines[2:4]] == ["0-7", "8"]
    assert "8 hosts (gpu-01 … gpu-08)" in lines[2]


def test_what_does_not_fit_says_by_how_much_and_what_would() -> None:
    close, small = stage(0, kv=38 * GIB), stage(1, kv=60 * GIB)
    lines = sizing_lines(sizing(close, small, alternatives=("`serve.args.max-model-len: 32768`",)))
    assert lines[2].endswith("-2.0 to 1.0  close")
    assert lines[3].endswith("-24.0 to -21.0  too small")
    assert lines[-1] == "would fit: `serve.args.max-model-len: 32768`"


def test_how_auto_came_to_it_is_said() -> None:
    assert "auto: one host has one GPU" in sizing_lines(sizing(stage(0), why="one host has one GPU"))


def test_the_report_carries_it_as_data() -> None:
    line = json.loads(report_line(a_report(sizing=sizing(stage(0), stage(1, kv=60 * GIB))), 0.0))
    Draft202012Validator(SCHEMA).validate(line)
    found = line["report"]["sizing"]
    assert found["verdict"] == "too small"
    assert [part["verdict"] for part in found["stages"]] == ["fits", "too small"]
    assert found["stages"][1]["free"] == (73 - 33 - 60 - 4) * GIB
