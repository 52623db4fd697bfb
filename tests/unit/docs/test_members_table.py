"""docs/members.md shows the changes of tests/cluster/membership.py, which are planned in tests/unit/stack, too."""

from made_table import check_table
from membership import BEGIN, CHANGES

BEGINS, END = "<!-- changes: made from tests/cluster/membership.py -->\n", "<!-- end of changes -->\n"

HEAD = """\
| change | Ray on the head | on other hosts | on a host that joins | on one that leaves | vLLM |
|---|---|---|---|---|---|
"""


def test_the_table_in_the_document_is_that_of_the_tests() -> None:
    rows = (f"| {c.what} | {c.head} | {c.others} | {c.joins} | {c.leaves} | {c.vllm} |\n" for c in CHANGES)
    check_table("members.md", BEGINS, END, HEAD + "".join(rows))


def test_each_change_is_one_of_the_hosts_before_it() -> None:
    before = BEGIN
    for change in CHANGES:
        assert change.hosts != before, change.what
        before = change.hosts
