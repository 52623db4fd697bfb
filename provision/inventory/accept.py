"""What `accept` names: findings that there are, each once."""

from __future__ import annotations

from collections.abc import Collection

from provision.core.wording import did_you_mean
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

#: In ids of a person's own, which a playbook gives its findings: `mine/no-backup`. Nothing here knows them all.
OWN = "/"


def check_accepted(root: YamlNode, ids: Collection[str] | None, problems: Problems) -> None:
    """`ids`: all that can be accepted; None: not known here."""
    accept = root.find("accept")
    seen: set[str] = set()
    for entry in accept.value if accept is not None and accept.is_list else ():
        node = entry.find("id")
        if node is None or node.value is None:
            continue
        name = node.text
        if name in seen:
            problems.value(node, f"`{name}` is accepted twice", "remove one of the two")
        elif ids is not None and OWN not in name and name not in ids:
            hint = did_you_mean(name, ids) or "`provision check` shows the id of each finding that can be accepted"
            problems.value(node, f"no finding has the id `{name}`", hint)
        seen.add(name)
