"""Ranges in names and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.inventory.ranges import RangeError, expand


@pytest.mark.parametrize(
    "text, names",
    [
        ("gpu", ["gpu"]),
        ("gpu-[02:04]", ["gpu-02", "gpu-03", "gpu-04"]),
        ("gpu-[8:11]", ["gpu-8", "gpu-9", "gpu-10", "gpu-11"]),
        ("gpu-[0:2]", ["gpu-0", "gpu-1", "gpu-2"]),
        ("n[1:7:3]", ["n1", "n4", "n7"]),
        ("r[a:b]-[1:2]", ["ra-1", "ra-2", "rb-1", "rb-2"]),
        ("10.0.[0:1].5", ["10.0.0.5", "10.0.1.5"]),
    ],
)
def test_what_a_range_stands_for(text, names):
    assert list(expand(text)) == names


@pytest.mark.parametrize(
    "text, message",
    [
        ("gpu-[4:2]", "runs backwards"),
        ("gpu-[]", "empty range"),
        ("gpu-[:]", "empty range"),
        ("gpu-[1-4]", "not a range"),
        ("gpu-[1:2:0]", "is 0"),
        ("gpu-[01:100]", "differ in width"),
        ("gpu-[1:4", "without its partner"),
        ("gpu-1:4]", "without its partner"),
        ("gpu-[1:999999999]", "more than 10000"),
        ("gpu-[1:5000]-[1:5000]", "more than 10000"),
    ],
)
def test_ranges_that_make_no_sense(text, message):
    with pytest.raises(RangeError, match=message):
        expand(text)


def test_the_hint_for_different_widths_can_be_typed():
    with pytest.raises(RangeError) as caught:
        expand("gpu-[01:100]")
    assert caught.value.hint == "write `[001:100]`"


@given(first=st.integers(0, 5000), more=st.integers(0, 200), width=st.integers(5, 8))
def test_a_padded_range_has_every_number_once_at_one_width(first, more, width):
    names = expand(f"n[{first:0{width}}:{first + more:0{width}}]")
    assert [int(name[1:]) for name in names] == list(range(first, first + more + 1))
    assert {len(name) for name in names} == {width + 1}


@given(first=st.integers(1, 5000), more=st.integers(0, 200))
def test_an_unpadded_range_has_plain_numbers(first, more):
    assert list(expand(f"[{first}:{first + more}]")) == [str(n) for n in range(first, first + more + 1)]


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_several_ranges_multiply(sizes):
    names = expand("-".join(f"[1:{size}]" for size in sizes))
    expected = 1
    for size in sizes:
        expected *= size
    assert len(names) == len(set(names)) == expected


@given(st.text("[]:019ab-", max_size=20))
def test_any_text_expands_or_is_refused(text):
    try:
        assert len(expand(text)) >= 1
    except RangeError as error:
        assert str(error)
