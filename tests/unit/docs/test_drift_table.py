"""docs/check.md lists the drifts that tests/cluster/test_drifts.py injects, as they are there."""

import os
from pathlib import Path

from drifts import DRIFTS, Drift

from provision.core.finding import AREAS, Severity

DOCUMENT = Path(__file__).parents[3] / "docs" / "check.md"
BEGIN, END = "<!-- drifts: made from tests/cluster/drifts.py -->\n", "<!-- end of drifts -->\n"


def row(drift: Drift) -> str:
    where = "the cluster" if drift.at == "" else "the host"
    asked = f" (`{' '.join(drift.asked)}`)" if "--deep" in drift.asked else ""
    return f"| {drift.what}{asked} | {drift.area} | {drift.fact} | {drift.severity} | {where} |\n"


def table() -> str:
    head = "| what was done | area | fact | severity | named on |\n|---|---|---|---|---|\n"
    return head + "".join(row(drift) for drift in DRIFTS)


def test_the_table_in_the_document_is_that_of_the_tests() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{after}")
    else:
        assert shown == table(), "run this test with WRITE_DOCS=1 in the environment to write the table anew"


def test_there_are_twenty_and_more_and_each_is_told_from_the_others() -> None:
    assert len({drift.what for drift in DRIFTS}) == len(DRIFTS) >= 20
    for drift in DRIFTS:
        assert drift.area in AREAS
        assert Severity(drift.severity)
