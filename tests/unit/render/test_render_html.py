import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from page_samples import (
    AT,
    HOSTILE,
    OLD_DRIVER,
    OTHER_TORCH,
    PORT,
    SOUND,
    hostile,
    known,
    many_hosts,
    report,
    three_hosts,
)

from provision.core.errors import LockError
from provision.core.finding import Finding, Known, Severity
from provision.core.report import Report, Since
from provision.render.html import html_page
from provision.render.html_matrix import Fact, entries_of, matrix_of
from provision.render.merged import entries


class Reader(HTMLParser):
    """The texts and the tags of a page, as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(made: Report, cluster: str = "llm") -> str:
    return html_page(made, cluster=cluster, at=AT)


def visible(made: Report) -> str:
    """The page's words without its style and script."""
    body = page(made).split("<body>")[1].split("<script>")[0]
    return " ".join(" ".join(Reader(body).texts).split())


def test_the_head_says_which_cluster_when_and_what_was_found() -> None:
    shown = visible(three_hosts())
    assert "llm blocked, not checked whole 4 hosts, 1 unreachable · 2.3 s" in shown
    assert "2026-11-20 10:00 UTC" in shown
    assert "1 host unreachable ✕ 2 blocks ≠ 1 drift ! 1 warning i 1 note" in shown


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (report(), "in sync"),
        (report((OTHER_TORCH,)), "drift"),
        (report((OLD_DRIVER, OTHER_TORCH)), "blocked"),
        (report((replace(OTHER_TORCH, severity=Severity.WARNING),), code=0), "in sync"),
        (replace(report(), exit_code=130), "failed"),
    ],
)
def test_the_verdict_is_that_of_the_worst_finding(made: Report, verdict: str) -> None:
    assert f"<title>llm: {verdict} · check of 2026-11-20 10:00 UTC</title>" in page(made)


def test_a_sound_cluster_says_so_and_shows_all_its_facts() -> None:
    shown = visible(report())
    assert "no findings" in shown
    assert all(fact in shown for _, fact in SOUND)


def test_a_finding_says_all_it_knows_without_a_script() -> None:
    shown = visible(report((OLD_DRIVER,)))
    assert "driver 535.161.08 instead of >=580" in shown
    assert "found 535.161.08 expected >=580 against what can work at all why vllm 0.33.0 needs CUDA 13" in shown
    assert "hint install driver 580 on gpu-03" in shown
    assert "evidence nvidia-smi: Driver Version: 535.161.08 /proc/driver/nvidia/version" in shown


def test_what_is_the_same_on_many_hosts_is_said_once() -> None:
    entries = entries_of(report((OTHER_TORCH, replace(OTHER_TORCH, host="gpu-03"), PORT)))
    assert [(e.kind, e.hosts) for e in entries] == [("blocks", ("gpu-01",)), ("drift", ("gpu-02", "gpu-03"))]


def test_on_paper_hosts_that_share_a_row_are_named_in_it() -> None:
    _, _, printed = html_page(report((PORT,)), cluster="llama", at=0.0).partition("@media print {")
    assert 'a[data-hosts]::after { content: ": " attr(data-hosts); }' in printed.partition("</style>")[0]


def test_the_page_takes_for_the_same_what_the_terminal_does() -> None:
    others = [
        replace(OTHER_TORCH, host="gpu-03", found="2.13.0", hint="run `provision up --limit gpu-03`"),
        replace(OTHER_TORCH, host="gpu-02", hint="run `provision up --limit gpu-02`", evidence=("pip says so",)),
    ]
    made = report((*others, OLD_DRIVER))
    shown = entries_of(made)
    assert [[*e.merged.findings] for e in shown] == [[*e.findings] for e in entries(made.findings)]
    told = visible(made)
    assert "torch one of 2 values instead of 2.14.0 gpu-02 gpu-03" in told
    assert "found 2.14.1 on gpu-02, 2.13.0 on gpu-03 expected 2.14.0" in told
    assert "hint run provision up --limit <host> evidence gpu-02: pip says so hosts gpu-02, gpu-03" in told
    cells = matrix_of(replace(made, known={}), shown).cells
    assert {host: cells[host, Fact("packages", "torch")].value for host in ("gpu-02", "gpu-03")} == {
        "gpu-02": "2.14.1",
        "gpu-03": "2.13.0",
    }


def test_a_host_that_was_not_reached_comes_first_and_only_once() -> None:
    entries = entries_of(three_hosts())
    assert (entries[0].kind, entries[0].hosts) == ("unreachable", ("gpu-04",))
    assert [e.kind for e in entries].count("unreachable") == 1


def test_the_worst_comes_first_whoever_found_it() -> None:
    made = replace(report(), findings=(OTHER_TORCH, replace(OLD_DRIVER, area="tests", host="gpu-02")))
    assert [e.kind for e in entries_of(made)] == ["blocks", "drift"]
    assert '<a class=blocks href="#f1" data-entries="1 2">' in page(made)


def test_an_error_of_no_host_is_shown_too() -> None:
    shown = visible(replace(report(), errors=(LockError("the lock does not fit"),), exit_code=1))
    assert "not checked whole" in shown
    assert "∅ failed the lock does not fit" in shown


def test_every_marked_cell_leads_to_its_finding() -> None:
    tags = Reader(page(three_hosts())).tags
    places = {attrs["id"] for _, attrs in tags if attrs.get("id")}
    links = [attrs["href"] or "" for tag, attrs in tags if tag == "a"]
    assert len(links) == 4 + 4  # four cells; and each of the four hosts has its sum
    assert all(link.startswith("#f") and link[1:] in places for link in links)


def test_a_mark_is_a_sign_and_a_word_and_not_colour_alone() -> None:
    made = report((OTHER_TORCH,), {"gpu-02": known({"torch": "2.14.1"})})
    assert '<b>2.14.1</b><small><i aria-hidden="true">≠</i>drift</small>' in page(made)


def test_a_fact_that_is_only_found_has_a_row_and_one_that_is_a_sentence_has_none() -> None:
    flag = Finding("gpu-01", "services", "Ray head --num-gpus", Severity.DRIFT, found="4", expected="8")
    made = report((flag, PORT))
    matrix = matrix_of(made, entries_of(made))
    assert matrix.cells["gpu-01", Fact("services", "Ray head --num-gpus")].value == "4"
    assert not any(PORT.fact in fact.name for fact in matrix.facts)
    assert [e.finding.fact for e in matrix.marks["gpu-01"]] == [PORT.fact, "Ray head --num-gpus"]


def test_what_cannot_work_together_is_marked_where_it_was_read() -> None:
    made = report((replace(OLD_DRIVER, area="compatibility"),))
    matrix = matrix_of(made, entries_of(made))
    assert [f.area for f in matrix.facts if f.name == "driver"] == ["drivers"]
    assert matrix.differs(Fact("drivers", "driver"))


def test_facts_stand_in_the_order_of_their_areas() -> None:
    values = {"gpu-01": (Known("system", "kernel", "6.8"), Known("drivers", "driver", "580"), Known("own", "x", "1"))}
    matrix = matrix_of(report(values=values), ())
    assert [fact.name for fact in matrix.facts] == ["driver", "kernel", "x"]


def test_few_hosts_stand_side_by_side_and_many_below_each_other() -> None:
    few, many = (Reader(page(made)).tags for made in (report(), many_hosts(count=20)))

    def scopes(tags: list[tuple[str, dict[str, str | None]]]) -> set[str | None]:
        return {attrs["scope"] for tag, attrs in tags if tag == "th" and "host" in (attrs.get("class") or "")}

    assert (scopes(few), scopes(many)) == ({"col"}, {"row"})


def test_what_changed_is_said_with_the_time_it_is_compared_to() -> None:
    shown = visible(three_hosts())
    assert "Changed since 2026-11-17 10:00 UTC 3 days before · inventory.last.json" in shown
    assert "MTU 9000 → 1500 gpu-02" in shown
    assert "nvidia-smi absent → 535.161.08 gpu-03" in shown


def test_that_nothing_changed_is_said_and_without_a_snapshot_nothing_is() -> None:
    assert "nothing has changed" in visible(replace(report(), since=Since(AT, "before.json", ())))
    assert "Changed since" not in visible(report())


def test_whatever_a_host_prints_is_shown_and_never_obeyed() -> None:
    text = page(hostile(), cluster=HOSTILE)
    assert text.encode("utf-8")  # half a character could not be written to a file
    assert not re.search("[\x00\x1b\u2028\u202e\ud800]", text)
    assert "\\x00\\x1b[31m\\u2028\\u202e\\ud800" in text
    read = Reader(text)
    assert [tag for tag, _ in read.tags].count("script") == 1
    shown = "".join(read.texts)
    assert shown.count("<script>alert(1)</script>\"'&amp;</td></table><!--]]>{{table}}") >= 12


def test_the_page_asks_for_nothing_and_its_policy_forbids_it() -> None:
    text = page(three_hosts())
    tags = Reader(text).tags
    asked = [attrs[name] for _, attrs in tags for name in ("src", "href", "action", "srcset") if attrs.get(name)]
    assert [a for a in asked if a and not a.startswith(("#", "data:"))] == []
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", text)
    policy = next(a["content"] or "" for _, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not any("style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in tags)


def test_two_hundred_hosts_of_sixty_facts_stay_a_page_that_can_be_attached() -> None:
    many = many_hosts()
    uuids = json.dumps([f"GPU-{number:08x}-1111-2222-3333-444455556666" for number in range(8)])
    wide = {host: (*cells[:-1], Known("gpus", "GPU UUIDs", uuids)) for host, cells in many.known.items()}
    worse = tuple(replace(OTHER_TORCH, host=host, found=f"2.14.{n}") for n, host in enumerate(many.known))
    assert len(page(replace(many, known=wide, findings=(*worse, *many.findings))).encode()) < 1_500_000


def test_a_report_of_nothing_is_still_a_page() -> None:
    assert "0 hosts" in visible(replace(report(), hosts=(), known={}))
