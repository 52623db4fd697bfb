"""Events and reports as JSON values, field by field: a format that others read is written down, not guessed.

A Secret becomes its mask; what a resource holds inside is left out, its id and label are enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timezone
from functools import singledispatch
from pathlib import PurePath

from provision.core.errors import HostError, InventoryError, Problem, ProvisionError
from provision.core.events import Event, StepDone
from provision.core.finding import Finding, Known
from provision.core.plan import Action, Change, Plan, Stop
from provision.core.playbook import Step
from provision.core.report import Changed, HostReport, Report, Since
from provision.core.resource import Difference
from provision.core.secret import Secret
from provision.core.sizing import Sizing, StageSize
from provision.core.timing import Phase, Timings
from provision.render.merged import counts

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

#: Raised when a field changes its meaning or goes away; new fields do not raise it.
VERSION = 1


def event_json(event: Event, at: float) -> dict[str, Json]:
    """`{"v":1,"time":"2026-11-20T10:00:00.000Z","event":"step-done","host":…, …}`; `at`: seconds since the epoch."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()
    shown = {f.name: encode(getattr(event, f.name)) for f in fields(event)}
    if isinstance(event, StepDone):
        shown["action"] = Action(event.action).name.lower()
    return {**head(kind, at), **shown}


def head(kind: str, at: float) -> dict[str, Json]:
    return {"v": VERSION, "time": timestamp(at), "event": kind}


def timestamp(at: float) -> str:
    """UTC, milliseconds, `Z`."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@singledispatch
def encode(value: object) -> Json:
    """Raises TypeError for what has no JSON form here: better a loud gap than a leak."""
    raise TypeError(f"{type(value).__name__} has no JSON form")


@encode.register(type(None))
@encode.register(bool)
@encode.register(int)
@encode.register(float)
@encode.register(str)
def _same(value: Json) -> Json:
    return value


@encode.register
def _path(value: PurePath) -> Json:
    return str(value)


@encode.register
def _secret(value: Secret) -> Json:
    return str(value)


@encode.register(tuple)
@encode.register(list)
def _list(value: list[object]) -> Json:
    return [encode(item) for item in value]


@encode.register(Mapping)
def _mapping(value: Mapping[str, object]) -> Json:
    return {str(key): encode(item) for key, item in value.items()}


@encode.register
def _difference(value: Difference) -> Json:
    shown: dict[str, Json] = {"aspect": value.aspect, "expected": value.expected, "found": value.found}
    return {**shown, "hint": value.hint} if value.hint else shown


@encode.register
def _step(value: Step) -> Json:
    return {"step": value.key, "host": value.host, "resource": value.resource.id, "label": value.resource.label}


@encode.register
def _change(value: Change) -> Json:
    return _of_change(value, value.step.resource.in_plan(value.have, value.differences))


def _of_change(value: Change, lines: Sequence[str]) -> Json:
    differences: list[Json] = [encode(d) for d in value.differences]
    return {
        "step": value.step.key,
        "host": value.step.host,
        "resource": value.step.resource.id,
        "label": value.step.resource.label,
        "action": value.action.name.lower(),
        "have": encode(value.have),
        "want": encode(value.want),
        "differences": differences,
        "lines": encode(tuple(lines)),
        "because": value.because,
    }


@encode.register
def _finding(value: Finding) -> Json:
    return {
        "host": value.host,
        "area": value.area,
        "fact": value.fact,
        "severity": value.severity.value,
        "found": value.found,
        "expected": value.expected,
        "against": value.against.value,
        "message": value.message,
        "why": value.why,
        "hint": value.hint,
        "evidence": encode(value.evidence),
        "id": value.id,
        "accepted": value.accepted,
    }


@encode.register
def _known(value: Known) -> Json:
    return {"area": value.area, "fact": value.fact, "value": value.value, "lasting": value.lasting}


@encode.register
def _plan(value: Plan) -> Json:
    return {
        "mode": value.mode.value,
        "changes": [_of_change(change, lines) for change, lines in zip(value.changes, value.lines, strict=True)],
        "blockers": encode(value.blockers),
        "unchanged": [step.key for step in value.unchanged],
        "stops": encode(value.stops),
    }


@encode.register
def _stop(value: Stop) -> Json:
    what = value.what
    return {"step": value.step, "host": value.host, "label": what.label, "seconds": what.seconds, "serves": what.serves}


@encode.register
def _error(value: ProvisionError) -> Json:
    shown: dict[str, Json] = {
        "kind": type(value).__name__,
        "host": value.host if isinstance(value, HostError) else "",
        "message": value.message,
        "evidence": encode(value.evidence),
        "hint": value.hint,
    }
    if isinstance(value, InventoryError):
        shown["problems"] = encode(value.problems)
    return shown


@encode.register
def _problem(value: Problem) -> Json:
    return {name: getattr(value, name) for name in ("file", "line", "column", "path", "message", "hint")}


@encode.register
def _host_report(value: HostReport) -> Json:
    return {f.name: encode(getattr(value, f.name)) for f in fields(value)}


@encode.register
def _phase(value: Phase) -> Json:
    return {"name": value.name, "seconds": round(value.seconds, 3)}


@encode.register
def _timings(value: Timings) -> Json:
    place = {id(span): number for number, span in enumerate(value.spans)}
    critical = [place[id(span)] for span in value.path]
    return {
        "seconds": round(value.seconds, 3),
        "parts": [
            {
                "kind": span.kind,
                "name": span.name,
                "host": span.host,
                "step": span.step,
                "begin_seconds": round(span.began, 3),
                "end_seconds": round(span.ended, 3),
                "seconds": round(span.seconds, 3),
                "wall_share": round(value.share(span.seconds), 4),
                "critical": number in critical,
                "done": span.done,
            }
            for number, span in enumerate(value.spans)
        ],
        "critical_path": [*critical],
        "between_seconds": round(value.between, 3),
    }


@encode.register
def _sizing(value: Sizing) -> Json:
    shown: dict[str, Json] = {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    return {**shown, "verdict": value.verdict}


@encode.register
def _stage_size(value: StageSize) -> Json:
    shown: dict[str, Json] = {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    return {**shown, "free": value.free, "verdict": value.verdict}


@encode.register
def _changed(value: Changed) -> Json:
    return {f.name: encode(getattr(value, f.name)) for f in fields(value)}


@encode.register
def _since(value: Since) -> Json:
    return {"taken": timestamp(value.taken), "source": value.source, "changes": encode(value.changes)}


@encode.register
def _report(value: Report) -> Json:
    shown = {f.name: encode(getattr(value, f.name)) for f in fields(value) if f.name != "mode"}
    return {**shown, "mode": value.mode.value, "counts": dict(counts(value.findings))}
