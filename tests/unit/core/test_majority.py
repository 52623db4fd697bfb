import pytest

from provision.core.majority import Majority, majority, preferred, reference


@pytest.mark.parametrize(
    ("values", "hosts", "size"),
    [
        ({}, (), 0),
        ({"a": 1}, ("a",), 1),
        ({"a": 1, "b": 2, "c": 2}, ("b", "c"), 2),
        ({"a": 1, "b": 2, "c": 2, "d": 1}, ("a", "b", "c", "d"), 2),
    ],
)
def test_hosts_that_have_what_most_have(values: dict[str, int], hosts: tuple[str, ...], size: int) -> None:
    assert majority(values) == Majority(hosts, size)


def test_values_that_count_as_the_same() -> None:
    near = majority({"a": 100, "b": 104, "c": 50, "d": 50, "e": 98}, lambda one, other: abs(one - other) < 10)
    assert near == Majority(("a", "b", "e"), 3)


def test_of_equal_halves_the_heads_is_the_reference() -> None:
    halves = {"a": "x", "b": "y", "c": "y", "d": "x"}
    assert (reference(halves, "c"), reference(halves, "elsewhere"), reference({}, "a")) == ("c", "a", "")


def test_the_head_is_no_reference_where_it_is_the_odd_one() -> None:
    assert reference({"head": "x", "b": "y", "c": "y"}, "head") == "b"
    assert preferred(["b", "c"], "head") == "b"
