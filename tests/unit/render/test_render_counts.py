"""One report is counted in one way, whoever shows it: the same finding on several hosts is one."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from check_samples import a_check, a_finding, a_missing_gpu, a_warning
from page_samples import three_hosts

from provision.core.errors import PortClosed
from provision.core.finding import HELD_UP, Finding, Severity, blocker, sorted_findings
from provision.core.report import HostReport
from provision.render.encode import encode
from provision.render.html import html_page
from provision.render.junit import junit_xml
from provision.render.merged import counts, tallied
from provision.render.recap import last_line

HOSTS = ("gpu-01", "gpu-02", "gpu-03")


def test_terminal_page_json_and_junit_count_alike() -> None:
    same = [a_finding(host, hint="install it") for host in HOSTS]
    accepted = replace(a_finding("gpu-01", fact="kernel"), accepted="known")
    report = a_check(findings=sorted_findings([*same, a_missing_gpu(), a_warning(), accepted], HOSTS))
    expected = {"blocks": 1, "drift": 1, "warning": 1, "accepted": 1}

    assert counts(report.findings) == expected
    assert "check: 1 blocks, 1 drift, 1 warning, 1 accepted" in last_line(report)
    assert encode(report)["counts"] == expected  # type: ignore[index,call-overload]

    page = html_page(report, cluster="c", at=0.0)
    shown = re.findall(r'<li class="(\w+)">.*?<b>(\d+)</b>', page)
    assert {kind: int(number) for kind, number in shown} == expected

    properties = ElementTree.fromstring(junit_xml(report, cluster="c", at=0.0)).iter("property")
    assert {p.get("name"): p.get("value") for p in properties} == {
        f"findings.{kind}": str(number) for kind, number in expected.items()
    }


def test_hosts_that_are_gone_or_have_left_count_wherever_they_are_shown() -> None:
    """One that is unreachable, one that was a member and cannot be looked at, and one that still runs something."""
    report = three_hosts()
    lost = Finding("", "services", "former member gpu-09", Severity.WARNING, said="gpu-09 was a member, and is gone")
    left = Finding("gpu-08", "services", "former member", Severity.DRIFT, said="gpu-08 is no longer in the inventory")
    names = [host.name for host in report.hosts]
    report = replace(report, findings=sorted_findings([*report.findings, lost, left], names))
    expected = {"blocks": 2, "drift": 2, "warning": 2, "note": 1}

    assert counts(report.findings) == expected
    assert "check: 1 host unreachable, 2 blocks, 2 drift, 2 warnings, 1 note" in last_line(report)
    coded = encode(report)
    assert isinstance(coded, dict) and coded["counts"] == expected
    assert [host["status"] for host in coded["hosts"]].count("unreachable") == 1

    page = html_page(report, cluster="c", at=0.0)
    shown = {kind: int(number) for kind, number in re.findall(r'<li class="(\w+)">.*?<b>(\d+)</b>', page)}
    assert shown == {"unreachable": 1, **expected}

    suites = ElementTree.fromstring(junit_xml(report, cluster="c", at=0.0))
    assert (suites.get("failures"), suites.get("errors")) == ("4", "1")
    assert {p.get("name"): p.get("value") for p in suites.iter("property")} == {
        f"findings.{kind}": str(number) for kind, number in expected.items()
    } | {"hosts.unreachable": "1"}


def test_that_a_host_holds_an_up_up_is_its_error_and_no_finding_of_its_own() -> None:
    held = replace(blocker("gpu-04", "nothing was changed on any host, because of this one"), fact=HELD_UP)
    report = three_hosts()
    more = replace(report, findings=(*report.findings, held))
    assert counts(more.findings) == counts(report.findings)
    assert "because of this one" not in html_page(more, cluster="c", at=0.0)


def test_hosts_that_do_not_answer_are_one_row_of_the_page_and_are_counted_as_hosts() -> None:
    def lost(number: int) -> HostReport:
        error = PortClosed(f"gpu-{number}", f"nothing listens on port 22 of `10.0.0.{number}`")
        error.address = f"10.0.0.{number}"
        return HostReport(error.host, "unreachable", (), (error,), 1.0)

    gone = [lost(number) for number in range(10, 50)]
    report = three_hosts()
    errors = tuple(error for host in gone for error in host.errors)
    report = replace(report, hosts=(*report.hosts[:-1], *gone), errors=errors)

    assert tallied(report)["unreachable"] == 40
    assert last_line(report).startswith("check: 40 hosts unreachable, ")
    page = html_page(report, cluster="c", at=0.0)
    assert re.findall(r'<li class="unreachable">.*?<b>(\d+)</b> ([a-z ]+)', page) == [("40", "hosts unreachable")]
    assert page.count('<details class="entry unreachable"') == 1
    assert page.count("nothing listens on port 22") == 1
    suites = ElementTree.fromstring(junit_xml(report, cluster="c", at=0.0))
    assert suites.get("errors") == "40"
    assert {p.get("name"): p.get("value") for p in suites.iter("property")}["hosts.unreachable"] == "40"
