from dataclasses import replace
from xml.etree import ElementTree

from check_samples import a_check, a_finding, a_missing_gpu, a_sound_check, a_warning
from hypothesis import given
from hypothesis import strategies as st

from provision.core.errors import NameNotFound, ProvisionError
from provision.core.finding import Finding, Known, Severity
from provision.core.report import HostReport, Report
from provision.render.junit import junit_xml


def read(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(report, cluster="llama", at=1_800_000_000.5).encode())


def suite(root: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = (s for s in root if s.get("name") == name)
    return found


def test_a_suite_reads_like_this() -> None:
    text = junit_xml(a_check(), cluster="llama", at=1_800_000_000.5)
    assert text.startswith(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<testsuites name="provision check llama" tests="15" failures="2" errors="0" time="0.500">\n'
    )
    assert text.endswith("</testsuites>\n")
    assert (
        '  <testsuite name="gpu-03" tests="5" failures="1" errors="0" skipped="0" time="0.400" '
        'timestamp="2027-01-15T08:00:00" hostname="gpu-03">\n'
        '    <testcase classname="gpu-03.drivers" name="driver" time="0.000">\n'
        "      <system-out>driver: 580.65.06</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="gpu-03.gpus" name="GPUs" time="0.000">\n'
        '      <failure message="GPUs are `7`, the inventory expects `8`" type="blocks">'
        "blocks: GPUs are `7`, the inventory expects `8`\n"
        "why: the model is cut into 8 parts per host, one per GPU\n"
        "nvidia-smi lists indices 0-6\n"
        "hint: look for it: `lspci -d 10de:`, then reseat it</failure>\n"
    ) in text


def test_there_is_a_suite_for_the_cluster_and_one_per_host() -> None:
    root = read(a_check(findings=(a_finding(host=""),)))
    assert [s.get("name") for s in root] == ["llama", "gpu-01", "gpu-02", "gpu-03"]
    assert suite(root, "llama").get("failures") == "1"


def test_the_counts_are_those_of_the_cases() -> None:
    root = read(a_check(errors=(ProvisionError("the page cannot be written"),)))
    for element in (*root, root):
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        assert element.get("failures") == str(len(list(element.iter("failure"))))
        assert element.get("errors") == str(len(list(element.iter("error"))))


def test_what_blocks_and_what_drifts_fails_and_a_warning_passes() -> None:
    root = read(a_check(findings=(a_finding(), a_missing_gpu(), a_warning())))
    assert [f.get("type") for f in root.iter("failure")] == ["drift", "blocks"]
    said = [out.text for out in suite(root, "gpu-01").iter("system-out") if out.text and "warning" in out.text]
    assert said == ["power limit: 300 W\nwarning: power limit is `300 W`, should be `700 W`\nwhy: tokens come later"]


def test_what_is_as_it_should_be_is_a_case_that_passes() -> None:
    root = read(a_sound_check())
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    case = suite(root, "gpu-01")[0]
    assert (case.get("classname"), case.get("name")) == ("gpu-01.drivers", "driver")


def test_two_findings_on_one_fact_are_one_case_with_the_worse_one_first() -> None:
    root = read(a_check(findings=(a_finding(), a_finding(severity=Severity.BLOCKS, said="it cannot run"))))
    (failure,) = root.iter("failure")
    assert (failure.get("message"), failure.get("type")) == ("it cannot run", "blocks")
    assert failure.text is not None
    assert "the other hosts have `580.65.06`" in failure.text


def test_a_host_out_of_reach_is_an_error_and_not_a_failure() -> None:
    gone = NameNotFound("gpu-02", "the name `gpu-02` resolves nowhere", hint="correct `address`")
    hosts = (HostReport("gpu-01", "ok", (), (), 1.0), HostReport("gpu-02", "unreachable", (), (gone,), 1.0))
    root = read(a_sound_check(hosts=hosts, known={}, errors=(gone,), exit_code=4))
    (error,) = root.iter("error")
    assert (error.get("message"), error.get("type")) == ("the name `gpu-02` resolves nowhere", "NameNotFound")
    assert suite(root, "gpu-02").get("errors") == "1"


@given(st.text(min_size=1), st.text(), st.text())
def test_no_text_of_a_host_breaks_the_document(host: str, fact: str, value: str) -> None:
    known = {host: (Known("gpus", fact, value),)}
    finding = Finding(host, "gpus", fact, Severity.DRIFT, value, value, why=value, hint=value, evidence=(value,))
    root = read(a_check(hosts=(HostReport(host, "ok", (), (), 1.0),), known=known, findings=(finding,)))
    assert len(list(root.iter("failure"))) == 1


@given(st.characters(categories=["Cs", "Cc", "Cn"]))
def test_not_even_characters_that_xml_cannot_hold(character: str) -> None:
    read(a_check(findings=(a_finding(found=f"5{character}8"),)))


def test_a_host_that_was_left_out_has_passed_nothing() -> None:
    xml = junit_xml(replace(a_sound_check(), left_out=("gpu-09",)), cluster="llama", at=0.0)
    (suite,) = [s for s in ElementTree.fromstring(xml) if s.get("name") == "gpu-09"]
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("1", "1", "0")
    assert suite.find("testcase/skipped") is not None
