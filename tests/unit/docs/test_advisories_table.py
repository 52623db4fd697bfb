"""docs/advisories.md lists the published holes of provision/checks/advisories_table.py, as they are there."""

import os
from pathlib import Path

from provision.checks.advisories_table import ADVISORIES, Advisory

DOCUMENT = Path(__file__).parents[3] / "docs" / "advisories.md"
BEGIN, END = "<!-- made from provision/checks/advisories_table.py -->\n", "<!-- end of the table -->\n"


def row(one: Advisory) -> str:
    return f"| [{one.id}]({one.source}) | {one.package} `{one.affected}` | {one.what} | {one.only or '–'} |\n"


def table() -> str:
    head = "| id | affects | who gets there | only |\n|---|---|---|---|\n"
    return head + "".join(row(one) for one in ADVISORIES)


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{after}")
    else:
        assert shown == table(), "run this test with WRITE_DOCS=1 in the environment to write the table anew"
