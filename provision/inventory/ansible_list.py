"""What `ansible-inventory --list` writes: groups that name their members, and all variables of a host in one place."""

from __future__ import annotations

from provision.inventory.node import YamlNode


def unfolded(root: YamlNode) -> YamlNode:
    """As the same inventory in YAML; one that is YAML already is left as it is."""
    meta = root.children.get("_meta")
    if meta is None:
        return root
    told = meta.find("hostvars")
    variables = told.children if told is not None else {}
    groups = {name: node for name, node in root.children.items() if name != "_meta"}
    return root.with_value({name: _group(node, groups, variables) for name, node in groups.items()})


def _group(node: YamlNode, groups: dict[str, YamlNode], variables: dict[str, YamlNode]) -> YamlNode:
    made: dict[str, YamlNode] = {}
    # What a program lists may name the hosts of a group and nothing else of it.
    said = {"hosts": node} if node.is_list else node.children
    for key, child in said.items():
        if key == "hosts" and child.is_list:
            made[key] = child.with_value(
                {host.text: variables.get(host.text, host.with_value({})) for host in child.value}
            )
        elif key == "children" and child.is_list:
            # A group stands by itself at the top; here it is only named.
            made[key] = child.with_value(
                {name.text: name.with_value({}) for name in child.value if name.text in groups}
            )
        else:
            made[key] = child
    return node.with_value(made)
