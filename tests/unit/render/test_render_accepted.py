"""A finding that the inventory accepts is in every report, with the reason, and counts in none."""

import json
import re
from xml.etree import ElementTree

from check_samples import a_check, a_finding

from provision.core.finding import sorted_findings
from provision.core.report import Report
from provision.render.findings import finding_lines, head_lines
from provision.render.html import html_page
from provision.render.jsonl import report_line
from provision.render.junit import junit_xml
from provision.render.matrix import matrix_lines
from provision.render.merged import counts
from provision.render.recap import last_line, quiet_lines

REASON = "until the driver of the rack is updated"
ACCEPTED = a_finding(id="driver-differs", accepted=REASON)


def report(*findings):
    return a_check(findings=sorted_findings(findings, ("gpu-01", "gpu-02")), exit_code=0)


ALONE: Report = report(ACCEPTED)


def test_the_text_says_accepted_and_why():
    assert finding_lines([ACCEPTED], width=100) == [
        "accepted: gpu-02: driver is `580.82.07`, the other hosts have `580.65.06`",
        f"  drift, accepted: {REASON}",
    ]
    (line,) = head_lines([ACCEPTED])
    assert line.endswith(f"({REASON})")


def test_it_is_counted_by_itself():
    assert counts([ACCEPTED, a_finding("gpu-01")]) == {"drift": 1, "accepted": 1}
    assert last_line(ALONE).startswith("check: in sync, 1 accepted")
    assert quiet_lines(ALONE) == []


def test_its_cell_is_not_marked():
    assert not any("~" in line for line in matrix_lines(ALONE, everything=True))
    assert any("~" in line for line in matrix_lines(report(a_finding()), everything=True))


def test_json_has_the_id_and_the_reason():
    (found,) = json.loads(report_line(ALONE, 0.0))["report"]["findings"]
    assert (found["id"], found["accepted"], found["severity"]) == ("driver-differs", REASON, "drift")


def test_junit_passes_and_says_why():
    root = ElementTree.fromstring(junit_xml(ALONE, cluster="llama", at=0.0))
    assert root.get("failures") == "0"
    (case,) = (c for c in root.iter("testcase") if "accepted" in "".join(c.itertext()))
    assert f"accepted: {REASON}" in "".join(case.itertext())


def test_the_page_has_it_as_accepted_with_the_reason():
    page = html_page(ALONE, cluster="llama", at=0.0)
    assert '<details class="entry accepted"' in page
    assert re.search(rf"<dt>accepted<dd>{REASON}<dt>would be<dd>drift", page)
    assert "in sync" in page
