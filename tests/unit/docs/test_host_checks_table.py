"""docs/check.md lists the checks of provision/checks/host, as they are there."""

import os
from pathlib import Path

from provision.checks.host.check import HostCheck, host_checks

DOCUMENT = Path(__file__).parents[3] / "docs" / "check.md"
BEGIN, END = "<!-- single facts: made from provision/checks/host -->\n", "<!-- end of single facts -->\n"


def row(check: HostCheck) -> str:
    severity = check.severity.value if check.sound else "–"
    return f"| {check.fact} | {check.area} | {check.expected or '–'} | {severity} | {check.why or '–'} |\n"


def table() -> str:
    head = "| fact | area | should be | else | because |\n|---|---|---|---|---|\n"
    return head + "".join(row(check) for check in host_checks())


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{after}")
    else:
        assert shown == table(), "run this test with WRITE_DOCS=1 in the environment to write the table anew"
