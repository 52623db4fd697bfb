"""Whatever hosts, hubs and indexes say: no view writes a character that cannot be seen, nor the password of a URL."""

import io
import json
import unicodedata
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision.core import events
from provision.core.errors import HostError
from provision.core.finding import Finding, Known, Severity
from provision.core.plan import Mode
from provision.core.report import HostReport, Report
from provision.render.errors import error_lines
from provision.render.findings import finding_lines
from provision.render.html import html_page
from provision.render.jsonl import JsonView, report_line
from provision.render.junit import junit_xml
from provision.render.live import LiveView
from provision.render.log import RunLog
from provision.render.out import Out
from provision.render.plain import PlainView
from provision.render.text import Paint

CANARY = "https://me:canary@example.org/simple"
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

#: What a host might print: letters among whatever cannot be seen, and what steers terminals.
PIECES = (
    *("gpu-01 ", CANARY, "\x1b[31m", "\x1b[2J", "\x1b]0;owned\x07", "\x1b]8;;http://x\x1b\\", "\x9b2J", "\r", "\x08"),
    *("\u202e", "\u2066", "\u2069", "\u200b", "\u200f", "\ufeff", "\u2028", "\x7f", "\x00", "\U000e0041", "\x85"),
)
said = st.lists(st.sampled_from(PIECES) | st.characters(), min_size=1, max_size=12).map("".join)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def events_of(text: str) -> list[events.Event]:
    return [
        events.RunStarted("", "up", "demo", ("a",)),
        events.Connected("a", 0.1),
        events.Doing("a", text),
        events.Progress("a", text),
        events.Output("a", "stdout", text),
        events.Note("a", text),
        events.StepDone("a", "key", text, "+", 0.1),
        events.StepSkipped("a", "key", text, text),
        events.Failed("a", "HostError", text, (text,), text),
    ]


def report_of(text: str) -> Report:
    finding = Finding("a", "packages", text, Severity.DRIFT, found=text, expected=text, why=text, hint=text)
    error = HostError("a", text, evidence=[text], hint=text)
    known = {"a": (Known("packages", text, text),)}
    host = HostReport("a", "failed", (), (error,), 1.0)
    return Report("check", Mode.CHECK, None, (host,), findings=(finding,), known=known)


def nothing_unseen(text: str, *, allowed: str = "\n\t") -> None:
    assert not {hex(ord(c)) for c in text if unicodedata.category(c) in UNSEEN and c not in allowed}
    assert "canary" not in text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said)
def test_no_view_shows_what_cannot_be_seen(tmp_path: Path, text: str) -> None:
    plain, as_json, log = io.StringIO(), io.StringIO(), RunLog(tmp_path, "up")
    for view in (PlainView(Out(plain), verbose=True), JsonView(Out(as_json)), log):
        for event in events_of(text):
            view.handle(event, 0.0)
        view.close()
    report = report_of(text)
    log.report(report)
    log.end()
    nothing_unseen(plain.getvalue())
    nothing_unseen(as_json.getvalue())
    nothing_unseen(log.path.read_text("utf-8"))
    for line in as_json.getvalue().splitlines():
        json.loads(line)
    nothing_unseen(report_line(report))
    json.loads(report_line(report))
    nothing_unseen(html_page(report, cluster="demo", at=0.0))
    nothing_unseen(junit_xml(report, cluster="demo", at=0.0))
    nothing_unseen("\n".join([*finding_lines(report.findings), *error_lines(HostError("a", text, evidence=[text]))]))
    log.path.unlink()


@settings(max_examples=40, deadline=None)
@given(said)
def test_a_terminal_gets_our_own_colours_and_nothing_else(text: str) -> None:
    stream = Terminal()
    Out(stream).lines([text, f"{Paint(True)} {text}"])
    rest = stream.getvalue()
    for colour in ("0", "1", "1;31", "2", "31", "32", "33", "36"):
        rest = rest.replace(f"\x1b[{colour}m", "")
    nothing_unseen(rest)


@settings(max_examples=20, deadline=None)
@given(said)
def test_the_live_view_moves_the_cursor_by_itself_alone(text: str) -> None:
    """What it writes for a host is what it writes for a host that says something of the same shape."""
    stream = Terminal()
    view = LiveView(Out(stream), Paint(True), verbose=True)
    for event in events_of(text):
        view.handle(event, 0.0)
        view.tick(0.0)
    view.close()
    written = stream.getvalue()
    assert "canary" not in written
    for steering in ("\x1b[2J", "\x1b]", "\x9b", "\x08", "\x00", "\x7f", "\x85"):
        assert steering not in written
    assert not {hex(ord(c)) for c in written if unicodedata.category(c) in UNSEEN and c not in "\n\r\x1b"}
