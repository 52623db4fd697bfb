"""docs/faults.md is the registry, and the registry is what was promised."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from faults.fault import KINDS
from faults.page import page
from faults.registry import FAULTS

DOCUMENT = Path(__file__).parents[3] / "docs" / "faults.md"


def test_there_are_as_many_as_were_promised() -> None:
    kinds = Counter(fault.kind for fault in FAULTS)
    assert len(FAULTS) >= 80
    assert set(kinds) == set(KINDS) and len(kinds) >= 10
    assert min(kinds.values()) >= 5, kinds
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {fault.kind for fault in FAULTS if fault.quick} == set(KINDS), "the short run has some of each kind"


def test_the_page_is_made_from_the_registry() -> None:
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(page(FAULTS))
    assert DOCUMENT.read_text() == page(FAULTS), (
        "run this test with WRITE_DOCS=1 in the environment to write the page anew"
    )
