"""A table of a document that is made from the code: compared, or written anew with WRITE_DOCS=1 in the environment."""

import os
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def check_table(document: str, begin: str, end: str, table: str) -> None:
    """`table`: as it should stand in docs/`document`, between the lines `begin` and `end`."""
    path = DOCS / document
    before, _, rest = path.read_text().partition(begin)
    shown, _, after = rest.partition(end)
    if os.environ.get("WRITE_DOCS"):
        path.write_text(f"{before}{begin}{table}{end}{after}")
    else:
        assert shown == table, "run this test with WRITE_DOCS=1 in the environment to write the table anew"
