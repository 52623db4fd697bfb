"""docs/advisories.md lists the published holes of provision/checks/advisories_table.py, as they are there."""

from made_table import check_table

from provision.checks.advisories_table import ADVISORIES, Advisory

BEGIN, END = "<!-- made from provision/checks/advisories_table.py -->\n", "<!-- end of the table -->\n"


def row(one: Advisory) -> str:
    return f"| [{one.id}]({one.source}) | {one.package} `{one.affected}` | {one.what} | {one.only or '–'} |\n"


def table() -> str:
    head = "| id | affects | who gets there | only |\n|---|---|---|---|\n"
    return head + "".join(row(one) for one in ADVISORIES)


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    check_table("advisories.md", BEGIN, END, table())
