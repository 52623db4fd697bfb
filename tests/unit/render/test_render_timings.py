"""Where the time of a run went, in words, in JSON and on the page."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from page_samples import AT, report, three_hosts
from render_samples import a_report
from timing_samples import ENVS, TIMINGS

from provision.core.timing import Span, Timings
from provision.render.encode import encode
from provision.render.html import html_page
from provision.render.html_gantt import HOSTS_DRAWN, gantt
from provision.render.text import cells
from provision.render.timings import timing_lines


def drawn(timings: Timings) -> ElementTree.Element:
    """The drawing, read strictly: attributes without quotes are for HTML alone."""
    svg = re.search(r"<svg.*?</svg>", gantt(timings), re.DOTALL)
    assert svg
    return ElementTree.fromstring(re.sub(r"=([\w.-]+)(?=[\s>/])", r'="\1"', svg[0]))


def test_each_part_is_said_once_and_then_what_determined_the_end() -> None:
    assert timing_lines(TIMINGS, width=100) == [
        "where 1 min 21 s went; * is on the critical path",
        "   from s  to s  hosts  longest s  on      part",
        "*     0.0   0.3      2        0.3  gpu-02  facts",
        "      0.5   2.0      2        1.5  gpu-01  network proof",
        "*     0.5  36.5      2       36.0  gpu-02  environment 3f9c",
        "*    36.6  41.6      1        5.0  gpu-01  Ray head",
        "*    41.6  80.0      1       38.4  gpu-01  vLLM (failed)",
        "",
        "critical path: 4 parts of 8",
        "seconds  share  on      what determined the end, one after another",
        "    0.3    0 %  gpu-02  facts",
        "   36.0   44 %  gpu-02  environment 3f9c",
        "    5.0    6 %  gpu-01  Ray head",
        "   38.4   47 %  gpu-01  vLLM (failed)",
        "    1.3    2 %  -       between these: not recorded by itself, such as work of this machine",
    ]


def test_no_line_is_wider_than_the_screen_and_nothing_is_said_of_nothing() -> None:
    wide = Span("change", "weights of 模型" * 20, "gpu-02", 80.0, 80.5)
    assert all(cells(line) <= 80 for line in timing_lines(Timings.of([*TIMINGS.spans, wide], 81.0)))
    assert timing_lines(Timings()) == [] and gantt(Timings()) == ""


def test_json_has_the_units_in_its_names_and_marks_the_critical_path() -> None:
    said = encode(TIMINGS)
    assert isinstance(said, dict) and isinstance(said["parts"], list) and isinstance(said["critical_path"], list)
    names = [said["parts"][place]["name"] for place in said["critical_path"]]  # type: ignore[index, call-overload]
    assert names == ["facts", "environment 3f9c", "Ray head", "vLLM"]
    assert [part["critical"] for part in said["parts"]].count(True) == 4  # type: ignore[index, call-overload]
    assert said["between_seconds"] == 1.3
    assert said["parts"][-1] == {
        "kind": "change",
        "name": "vLLM",
        "host": "gpu-01",
        "step": "gpu-01/vllm",
        "begin_seconds": 41.6,
        "end_seconds": 80.0,
        "seconds": 38.4,
        "wall_share": 0.4741,
        "critical": True,
        "done": False,
    }


def test_bars_are_where_the_time_was_and_those_of_the_path_are_outlined() -> None:
    groups = list(drawn(TIMINGS).iter("g"))
    assert len(groups) == len(TIMINGS.spans)
    assert sum("path" in group.attrib["class"].split() for group in groups) == 4
    bars = {group[0].text: group[1].attrib for group in groups}
    about = next(text for text in bars if text and text.startswith("environment 3f9c on gpu-02"))
    assert about == "environment 3f9c on gpu-02: 36.00 s (44 % of all), from 0.50 s to 36.50 s"
    scale = (1000 - 150 - 2) / 81.0
    assert abs(float(bars[about]["x"]) - (150 + 0.5 * scale)) < 0.1
    assert abs(float(bars[about]["width"]) - 36.0 * scale) < 0.1


def test_what_was_done_at_the_same_time_on_a_host_stands_in_rows_of_its_own() -> None:
    tops = {}
    for group in drawn(TIMINGS).iter("g"):
        tops[(group[0].text or "").partition(":")[0]] = group[1].attrib["y"]
    assert tops["network proof on gpu-01"] != tops["environment 3f9c on gpu-01"]
    assert tops["facts on gpu-01"] == tops["Ray head on gpu-01"]


def test_of_many_hosts_those_that_determined_the_end_are_drawn() -> None:
    spans = [Span("facts", "facts", f"h{number}", 0.0, 1.0) for number in range(200)]
    last = Span("looking", "looking", "h77", 1.0, 1.5, behind=spans[33])
    names = [text.text for text in drawn(Timings.of([*spans, last], 2.0)).iter("text") if text.get("class") == "name"]
    assert len(names) == HOSTS_DRAWN and {"h77"} <= set(names)
    assert f"{200 - HOSTS_DRAWN} hosts that took less are not drawn" in gantt(Timings.of([*spans, last], 2.0))


def test_the_page_has_it_as_text_and_without_a_style_of_its_own() -> None:
    hostile = replace(ENVS[0], name='"><script>alert(1)</script>', host='<b onx="1">')
    page = html_page(replace(report(), timings=Timings.of([hostile], 40.0)), cluster="llm", at=AT)
    assert "<script>alert" not in page and "<b onx" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    section = re.search(r"<section class=timings>.*?</section>", page, re.DOTALL)
    assert section and "style=" not in section[0] and "href" not in section[0]
    assert "<section class=timings>" not in html_page(report(), cluster="llm", at=AT)


def test_the_page_of_an_up_is_one_of_an_up() -> None:
    made = html_page(replace(report(), command="up", timings=TIMINGS), cluster="llm", at=AT)
    assert "<title>llm: done · up of 2026-11-20 10:00 UTC</title>" in made
    assert "made by <code>provision up --html</code>" in made
    assert "llm: blocked, failed · up of" in html_page(replace(three_hosts(), command="up"), cluster="llm", at=AT)
    assert "failed" in html_page(a_report(), cluster="llm", at=AT)
