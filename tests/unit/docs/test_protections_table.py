"""docs/exposure.md lists the settings of provision/checks/protections_table.py, as they are there."""

import os
from pathlib import Path

from provision.checks.protections_table import PROTECTIONS

DOCUMENT = Path(__file__).parents[3] / "docs" / "exposure.md"
BEGIN, END = "<!-- made from provision/checks/protections_table.py -->\n", "<!-- end of the table -->\n"


def table() -> str:
    head = "| id | switched off by | so | what follows |\n|---|---|---|---|\n"
    return head + "".join(f"| {one.id} | {one.settings} | {one.said} | {one.why} |\n" for one in PROTECTIONS)


def test_the_table_in_the_document_is_that_of_the_checks() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{after}")
    else:
        assert shown == table(), "run this test with WRITE_DOCS=1 in the environment to write the table anew"
