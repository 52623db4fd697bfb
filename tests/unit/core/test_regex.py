"""An expression of ours does what a compiled one does, and is compiled when it is first used."""

from __future__ import annotations

import copy
import re

import pytest

from provision.core.regex import regex


def test_it_finds_what_a_compiled_one_finds() -> None:
    ours, compiled = regex(r"(?P<word>[a-z]+)\Z", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)\Z", re.IGNORECASE)
    found = ours.search("12 Abc")
    assert found and found["word"] == "Abc" and ours.match("1") is None
    assert ours.sub("x", "1 abc") == compiled.sub("x", "1 abc")
    assert (ours.pattern, ours.flags, ours.groupindex) == (compiled.pattern, compiled.flags, compiled.groupindex)
    assert regex(rb"\d+").findall(b"1 22") == [b"1", b"22"]
    assert copy.copy(ours).fullmatch("abc")


def test_it_is_compiled_when_it_is_used_and_once() -> None:
    broken = regex("(")
    with pytest.raises(re.error, match="missing \\)"):
        broken.search("")
    ours = regex("a")
    assert ours.search is ours.search
