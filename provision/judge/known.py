"""The table of hosts and facts: what is shown of a host, compared between hosts, and remembered."""

from __future__ import annotations

from provision.cluster import Node
from provision.facts import Facts
from provision.finding import Known


def known_of(node: Node, facts: Facts) -> tuple[Known, ...]:
    return ()
