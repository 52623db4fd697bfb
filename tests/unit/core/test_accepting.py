"""What the inventory accepts: it neither blocks nor counts, and stays in the report."""

from dataclasses import replace

from provision.core.finding import Finding, Severity, accepting, blocker, sorted_findings
from provision.core.playbook import Playbook

OPEN = Finding("gpu-01", "services", "Ray's login", Severity.BLOCKS, "off", "on", id="ray-auth-off")
REASONS = {"ray-auth-off": "a lab"}


def test_a_finding_is_accepted_by_its_id():
    (found,) = accepting([OPEN], REASONS)
    assert (found.accepted, found.counts, found.blocks, found.severity) == ("a lab", False, False, Severity.BLOCKS)
    assert accepting([OPEN], {"another": "x"}) == [OPEN]
    assert (OPEN.counts, OPEN.blocks) == (True, True)


def test_one_without_an_id_cannot_be_accepted():
    bare = replace(OPEN, id="")
    assert accepting([bare], {"": "x"}) == [bare]


def test_what_is_accepted_keeps_nothing_from_beginning():
    book = Playbook()
    book.findings += accepting([OPEN, blocker("", "no disk")], REASONS)
    assert [f.message for f in book.blockers] == ["no disk"]


def test_what_is_accepted_comes_last():
    note = Finding("", "system", "uptime", Severity.NOTE, "1 day")
    assert sorted_findings(accepting([OPEN, note], REASONS), ["gpu-01"])[0] == note
