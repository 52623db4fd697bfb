"""docs/hardening.md lists the directives of provision/resources/hardening.py, as they are there."""

import re

import pytest
from made_table import check_table

from provision.resources.hardening import DIRECTIVES, HARDENING, Directive

BEGIN, END = "<!-- directives: made from provision/resources/hardening.py -->\n", "<!-- end of directives -->\n"


def row(one: Directive) -> str:
    names = ", ".join(f"`{name}`" for name in one.name.split(", "))
    value = "left out" if one.value is None else f"`{one.value}`" if one.value else "empty"
    return f"| {names} | {value} | {one.why} |\n"


def table() -> str:
    return "| directive | value | because |\n|---|---|---|\n" + "".join(map(row, DIRECTIVES))


def test_the_table_in_the_document_is_that_of_the_units() -> None:
    check_table("hardening.md", BEGIN, END, table())


def test_each_is_named_once_and_says_why() -> None:
    names = [name for one in DIRECTIVES for name in one.name.split(", ")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+(=strict)?", name) for name in names)
    assert all(one.why for one in DIRECTIVES)


@pytest.mark.parametrize("directive", ["NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"])
def test_a_unit_has_it(directive: str) -> None:
    assert directive in HARDENING.splitlines()
