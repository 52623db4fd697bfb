"""docs/check.md lists the drifts that tests/cluster/test_drifts.py injects, as they are there."""

from drifts import DRIFTS, Drift
from made_table import check_table

from provision.core.finding import AREAS, Severity

BEGIN, END = "<!-- drifts: made from tests/cluster/drifts.py -->\n", "<!-- end of drifts -->\n"


def row(drift: Drift) -> str:
    where = "the cluster" if drift.at == "" else "the host"
    asked = f" (`{' '.join(drift.asked)}`)" if "--deep" in drift.asked else ""
    return f"| {drift.what}{asked} | {drift.area} | {drift.fact} | {drift.severity} | {where} |\n"


def table() -> str:
    head = "| what was done | area | fact | severity | named on |\n|---|---|---|---|---|\n"
    return head + "".join(row(drift) for drift in DRIFTS)


def test_the_table_in_the_document_is_that_of_the_tests() -> None:
    check_table("check.md", BEGIN, END, table())


def test_there_are_twenty_and_more_and_each_is_told_from_the_others() -> None:
    assert len({drift.what for drift in DRIFTS}) == len(DRIFTS) >= 20
    for drift in DRIFTS:
        assert drift.area in AREAS
        assert Severity(drift.severity)
