"""A secret that slipped into an exception, an event or a report is in no line, log, page or JSON that is written."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.core.errors import ProvisionError
from provision.core.events import Failed, Note
from provision.core.secret import MASK, Secret, living
from provision.render.jsonl import JsonView, error_line
from provision.render.log import RunLog
from provision.render.out import Out
from provision.render.unsaid import unsaid

VALUE = "canary-\"q\" & 'r' <7f31c2aa>"
LEFT = "7f31c2aa"


@pytest.fixture
def secret() -> Iterator[Secret]:
    yield Secret(VALUE, "A")


def deep(depth: int) -> None:
    if depth:
        deep(depth - 1)
    raise ValueError(f"invalid header value b'Bearer {VALUE}' {VALUE!r}")


def test_a_traceback_has_a_mask(secret: Secret, tmp_path: Path) -> None:
    log = RunLog(tmp_path, "up")
    try:
        deep(3)
    except ValueError as error:
        log.traceback(error)
    log.handle(Note("one", f"tried {VALUE}"), 0.0)
    log.handle(Failed("one", "Refused", f"no: {VALUE}", (VALUE,), "", ""), 0.0)
    log.end()
    text = log.path.read_text()
    assert "invalid header value" in text
    assert text.count(MASK) >= 4
    assert LEFT not in text


def test_what_is_written_to_a_stream_has_a_mask_and_json_stays_json(secret: Secret) -> None:
    stream = io.StringIO()
    out = Out(stream)
    out.lines([f"bug: ValueError: {VALUE}", VALUE[:12], VALUE[12:]])
    out.line(error_line(ProvisionError(f"no {VALUE}", evidence=[VALUE], hint=VALUE), 1))
    JsonView(out).handle(Note("one", f"tried {VALUE}"), 0.0)
    said = stream.getvalue()
    assert LEFT not in said
    assert json.loads(said.splitlines()[-2])["error"]["evidence"] == [MASK]
    assert json.loads(said.splitlines()[-1])["text"] == f"tried {MASK}"


def test_a_secret_too_short_to_be_told_from_a_coincidence_changes_nothing() -> None:
    held = Secret("1234")
    assert unsaid(['{"port":1234}', "pid=1234"]) == ['{"port":1234}', "pid=1234"]
    assert held in living()


def test_a_secret_is_known_for_as_long_as_it_is_there_whatever_another_of_its_value_does() -> None:
    before = len(living())
    one, two = Secret(VALUE), Secret(VALUE)
    assert len(living()) == before + 2
    del one
    assert unsaid([VALUE]) == [MASK]
    assert two == Secret(VALUE)
    del two
    assert len(living()) == before
