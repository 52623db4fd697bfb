"""docs/hand-over.md lists the variables that `import` knows, as they are in the code."""

from made_table import check_table

from provision.inventory.compose_table import VARIABLES, table

BEGIN = "<!-- variables: made from provision/inventory/compose_table.py -->\n"
END = "<!-- end of variables -->\n"


def test_the_table_in_the_document_is_that_of_the_code() -> None:
    check_table("hand-over.md", BEGIN, END, table())


def test_each_is_named_once_and_goes_somewhere_or_says_why_not() -> None:
    assert len({one.name for one in VARIABLES}) == len(VARIABLES)
    assert all(one.key or one.why for one in VARIABLES)
