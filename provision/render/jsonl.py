"""The view for programs: one JSON object per line. `report`, or `error` if there is none, is the last one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from provision.core.errors import ProvisionError
from provision.core.events import Event
from provision.core.report import Report
from provision.core.urls import masked
from provision.render.encode import Json, encode, event_json, head
from provision.render.fanout import View
from provision.render.out import Out


class JsonView(View):
    def __init__(self, out: Out) -> None:
        self._out = out

    def handle(self, event: Event, at: float) -> None:
        self._out.line(dumps(event_json(event, at)))


def report_line(report: Report, at: float | None = None) -> str:
    return dumps({**head("report", _now(at)), "report": encode(report)})


def error_line(error: ProvisionError, exit_code: int, at: float | None = None) -> str:
    return dumps({**head("error", _now(at)), "error": encode(error), "exit_code": exit_code})


def result_line(kind: str, values: Mapping[str, object], at: float | None = None) -> str:
    """For commands without hosts' events, such as `lock`."""
    return dumps({**head(kind, _now(at)), **{name: encode(value) for name, value in values.items()}})


def dumps(value: dict[str, Json]) -> str:
    """ASCII on one line, so that no locale and no U+2028 can break a line. Without the passwords of URLs."""
    return masked(json.dumps(value, separators=(",", ":")))


def _now(at: float | None) -> float:
    return time.time() if at is None else at
