"""The picture of the live view, drawn by the view itself over a made-up run, and the pictures of pages, which a browser
takes: here it is only seen whether they are of the pages as they are now."""

import html
import io
import os
import re
import time

import pytest
from made_table import DOCS
from pictured import DRAW, FOLDER, LARGEST, MADE_FROM, PAGES, Pictured, recorded
from render_samples import Thing
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from provision.core import events
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.render.board import Board
from provision.render.lines import EventLines
from provision.render.text import COLOUR, Paint

PICTURE = DOCS / "pictures" / "live.svg"
WIDTH = 92
HOSTS = ("gpu-01", "gpu-02", "gpu-03", "gpu-04")

_THEME = TerminalTheme(
    (22, 27, 34), (220, 224, 230),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207),
     (177, 186, 196)],
)  # fmt: skip


def test_the_picture_of_the_live_view_is_what_it_draws() -> None:
    lines = drawn()
    if os.environ.get("WRITE_DOCS"):
        PICTURE.write_text(svg(lines))
    shown = re.findall(r"<text [^>]*>(.*?)</text>", PICTURE.read_text())
    squeezed = "".join(html.unescape(text) for text in shown).replace("\xa0", "").replace(" ", "")
    missing = [line for line in map(plain, lines) if line.replace(" ", "") not in squeezed]
    assert not missing, "run this test with WRITE_DOCS=1 in the environment to draw the picture anew"
    assert "url(http" not in PICTURE.read_text() and "@import" not in PICTURE.read_text(), "it needs another server"


def plain(line: str) -> str:
    return COLOUR.sub("", line)


def drawn() -> list[str]:
    """The lines that stay, and below them what each host is at."""
    paint, board = Paint(True), Board()
    told = EventLines(paint)
    above: list[str] = []
    for at, event in a_run():
        board.handle(event, 1000 + at)
        above += told.lines(event)
    return [*above, *board.lines(1096, WIDTH, 20, paint)]


def a_run() -> list[tuple[float, events.Event]]:
    book, keys = Playbook(), {}
    for host in HOSTS:
        keys[host] = book.add(Thing("environment 3abe8844a5a2"), on=host)
    head = book.add(Thing("Ray head"), on=HOSTS[0], after=list(keys.values()))
    for host in HOSTS[1:]:
        book.add(Thing("Ray worker"), on=host, after=head)
    book.add(Thing("vLLM"), on=HOSTS[0])
    plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps}, ())
    built = [(h, keys[h].key) for h in HOSTS]
    return [
        (0, events.RunStarted("", "up", "llama", HOSTS)),
        *((0, events.Connected(host, 0.3)) for host in HOSTS),
        (2, events.Planned("", plan)),
        (3, events.Note("", "network proof: 144 of 144 connections between 4 hosts, round trip 0.03 ms, MTU 9000")),
        *((4, events.Doing(host, "environment 3abe8844a5a2")) for host in HOSTS),
        *((66, events.StepDone(h, key, "environment 3abe8844a5a2", "+", 61.5)) for h, key in built[:2]),
        (66, events.Doing(HOSTS[0], "")),
        (66, events.Doing(HOSTS[1], "")),
        (70, events.Progress(HOSTS[2], "installed 141 of 218 packages")),
        (70, events.Progress(HOSTS[3], "3.1 of 4.2 GB")),
    ]


def svg(lines: list[str]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(lines)))
    made = console.export_svg(title="provision up", theme=_THEME, unique_id="live")
    # The font would come from another server.
    return re.sub(r"@font-face \{.*?\}\s*", "", made, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_the_picture_of_a_page_is_of_the_page_as_it_is(one: Pictured) -> None:
    assert one.file.read_bytes().startswith(b"\x89PNG\r\n"), f"`{DRAW}` takes it"
    assert one.file.stat().st_size <= LARGEST
    assert recorded()[one.name] == one.digest, f"the page is another one by now: `{DRAW}` takes the picture anew"


def test_the_digest_is_of_the_page_whatever_clock_the_reader_has(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for zone in ("UTC", "Asia/Tokyo", "EST5EDT"):
        monkeypatch.setenv("TZ", zone)
        digests.add(tuple(one.digest for one in PAGES))
        assert os.environ["TZ"] == zone
    assert len(digests) == 1
    monkeypatch.undo()
    time.tzset()  # or all tests after this one would live there


def test_each_picture_is_in_a_document_and_each_file_is_a_picture() -> None:
    shown = {
        (document.name, target)
        for document in DOCS.glob("*.md")
        for target in re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", document.read_text())
    }
    assert {(one.document, one.name) for one in PAGES} <= shown
    assert {path.name for path in FOLDER.iterdir()} == {name for _, name in shown} | {MADE_FROM.name}
    assert recorded().keys() == {one.name for one in PAGES}
    assert f"`{DRAW}`" in (DOCS.parent / "CONTRIBUTING.md").read_text()
    assert f"\n{DRAW.split()[1]}:" in (DOCS.parent / "Makefile").read_text()
