"""docs/exposure.md lists the settings of provision/checks/protections_table.py, as they are there."""

from made_table import check_table

from provision.checks.protections_table import PROTECTIONS

BEGIN, END = "<!-- made from provision/checks/protections_table.py -->\n", "<!-- end of the table -->\n"


def table() -> str:
    head = "| id | switched off by | so | what follows |\n|---|---|---|---|\n"
    return head + "".join(f"| {one.id} | {one.settings} | {one.said} | {one.why} |\n" for one in PROTECTIONS)


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    check_table("exposure.md", BEGIN, END, table())
