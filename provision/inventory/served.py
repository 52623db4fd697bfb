"""`models:`, the long form of `serve:`, becomes `serve:`, so that everything after it reads one section."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.core.wording import did_you_mean
from provision.inventory.hosts import Listed
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems, listing
from provision.inventory.ranges import RangeError, expand

#: As `cluster`: part of names on the hosts, once there can be several.
MODEL_NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"

_PLACEMENT = "placement"


def as_serve(root: YamlNode, problems: Problems) -> YamlNode:
    """The checked tree with the one entry of `models:` as its `serve`; positions and paths stay those of the file."""
    models, serve = root.find("models"), root.find("serve")
    if models is None or not models.children:
        return root
    if serve is not None and serve.value is not None:
        hint = "remove one of the two: `serve:` is the short form of `models:` with one entry"
        later = max(models, serve, key=lambda node: node.key)
        problems.key(later, "`serve` and `models` both say what is served", hint)
        return root
    names = list(models.children)
    for name, node in models.children.items():
        if not re.match(MODEL_NAME, name):
            wanted = "at most 40 lower-case letters, digits and dashes"
            problems.key(
                node, f"the name of a model should be {wanted}, found `{name}`", "write `qwen3-8b: {model: …}`"
            )
    if len(names) > 1:
        said = f"{len(names)} models: {listing(names, 'and')}, but a cluster serves one so far"
        hint = f"keep `{names[0]}`, and give the others inventories with hosts of their own"
        problems.key(models.children[names[1]], said, hint)
    first = models.children[names[0]]
    if first.value is None:
        problems.value(first, "should be a mapping, found nothing", f"write `{names[0]}: {{model: Qwen/Qwen3-8B}}`")
        return root
    settings = {key: child for key, child in first.children.items() if key != _PLACEMENT}
    return root.with_value({**root.children, "serve": first.with_value(settings)})


def check_placement(root: YamlNode, hosts: Sequence[Listed], problems: Problems) -> None:
    """Each host of a placement exists; so far it has to be all of them."""
    models = root.find("models")
    for entry in models.children.values() if models is not None else ():
        placed = entry.find(_PLACEMENT, "hosts")
        if placed is None or not placed.is_list:
            continue
        found = _members(placed, hosts, problems)
        absent = [host.name for host in hosts if host.name not in found]
        if absent and not problems.about(placed):
            named = listing(absent[:4], "and") + (" …" if len(absent) > 4 else "")
            said = f"leaves out {named}, but a model is placed on all hosts of the inventory so far"
            problems.value(placed, said, "remove `placement`, or take these hosts out of the inventory")


def _members(placed: YamlNode, hosts: Sequence[Listed], problems: Problems) -> set[str]:
    """The hosts that the items of `placed` mean: names, ranges, groups."""
    groups = {group for host in hosts for group in host.groups}
    names = {host.name for host in hosts}
    found: set[str] = set()
    for item in placed.value:
        if item.text in groups:
            found |= {host.name for host in hosts if item.text in host.groups}
            continue
        try:
            members = expand(item.text)
        except RangeError as error:
            problems.value(item, str(error), error.hint)
            continue
        for member in members:
            if member not in names:
                hint = did_you_mean(member, [*names, *groups]) or "name hosts or groups of this inventory"
                problems.value(item, f"there is no host or group `{member}`", hint)
        found |= set(members)
    return found
