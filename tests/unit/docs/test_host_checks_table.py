"""docs/check.md lists the checks of provision/checks/host, as they are there."""

from made_table import check_table

from provision.checks.host.check import HostCheck, host_checks

BEGIN, END = "<!-- single facts: made from provision/checks/host -->\n", "<!-- end of single facts -->\n"


def row(check: HostCheck) -> str:
    severity = check.severity.value if check.sound else "–"
    return f"| {check.fact} | {check.area} | {check.expected or '–'} | {severity} | {check.why or '–'} |\n"


def table() -> str:
    head = "| fact | area | should be | else | because |\n|---|---|---|---|---|\n"
    return head + "".join(row(check) for check in host_checks())


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    check_table("check.md", BEGIN, END, table())
