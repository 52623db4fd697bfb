"""The ids of all findings that an inventory can accept, with what each is."""

from __future__ import annotations

from collections.abc import Mapping

from provision.checks.advisories_table import ADVISORIES
from provision.checks.protections_table import PROTECTIONS

#: Of findings that are no published hole: id → what it says. A finding with an id has its line here.
OTHERS: Mapping[str, str] = {one.id: one.said for one in PROTECTIONS}


def acceptable() -> Mapping[str, str]:
    return {**{one.id: f"{one.package} {one.affected}: {one.what}" for one in ADVISORIES}, **OTHERS}
