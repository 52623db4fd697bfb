"""docs/exposure.md says what listens, as tests/cluster/test_serving.py finds it on real hosts."""

from pathlib import Path
from runpy import run_path

from made_table import check_table

ROOT = Path(__file__).parents[3]
BEGIN, END = "<!-- made from tests/cluster/listeners.py -->\n", "<!-- end of the listeners -->\n"


def table() -> str:
    data = run_path(str(ROOT / "tests" / "cluster" / "listeners.py"))
    head = "| what | port | on | listens at | closed to strangers by |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {one.what} | {one.written} | {'the head' if one.head else 'every host'} | "
        f"{' and '.join(filter(None, (one.where, one.besides)))} | {data['CLOSED_BY'][one.where]} |\n"
        for one in data["LISTENERS"]
    )


def test_the_table_in_the_document_is_that_of_the_test_on_real_hosts() -> None:
    check_table("exposure.md", BEGIN, END, table())
