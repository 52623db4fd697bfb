"""Resolves ranges, groups and overrides: what the file says → what each single host is told."""

from __future__ import annotations

from dataclasses import replace

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.core.wording import did_you_mean
from provision.inventory.format import Settings
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.ranges import RangeError, expand

#: Keys whose value is counted through together with the host's name.
COUNTED = ("address", "node_ip")
#: As a `node_ip`, the same as none: found on the host.
AUTO = "auto"

_IPV6_IN_BRACKETS = regex(r"\[[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]\Z")


@dataclass(frozen=True, slots=True)
class Listed:
    """One host. `entry` is where it stands in the file; `settings` has everything merged into it."""

    name: str
    entry: YamlNode
    settings: YamlNode
    groups: tuple[str, ...] = ()


def normalize(root: YamlNode) -> YamlNode:
    """Short forms written out: `gpu-01:`, `gpu-01: 10.0.0.1`, `node_ip: auto`, `firewall: true` and `tls: true`."""
    root = root.with_value({key: _with_tls(key, child) for key, child in root.children.items()})
    firewall = root.find("firewall")
    if firewall is not None and isinstance(firewall.value, bool):
        root = root.with_value({**root.children, "firewall": firewall.with_value({"enabled": firewall})})
    elif firewall is not None and firewall.is_mapping and firewall.find("enabled") is None:
        enabled = firewall.with_value({**firewall.children, "enabled": replace(firewall, value=True, text="true")})
        root = root.with_value({**root.children, "firewall": enabled})
    hosts = root.find("hosts")
    if hosts is None or not hosts.is_mapping:
        return root
    entries = {name: _entry(node) for name, node in hosts.children.items()}
    return root.with_value({**root.children, "hosts": hosts.with_value(entries)})


def _with_tls(section: str, node: YamlNode) -> YamlNode:
    """Of `serve`, and of each entry of `models`."""
    if section == "models" and node.is_mapping:
        return node.with_value({name: _with_tls("serve", entry) for name, entry in node.children.items()})
    tls = node.find("tls") if section == "serve" and node.is_mapping else None
    if tls is None or not isinstance(tls.value, bool):
        return node
    return node.with_value({**node.children, "tls": tls.with_value({} if tls.value else None)})


def _entry(node: YamlNode) -> YamlNode:
    if node.value is None:
        return node.with_value({})
    # A number would be a mistake, which the model finds; `10.0.0.1` is text.
    if isinstance(node.value, str):
        return node.with_value({"address": node})
    node_ip = node.find("node_ip")
    if node_ip is not None and node_ip.value == AUTO:
        return node.with_value({**node.children, "node_ip": node_ip.with_value(None)})
    return node


def resolve(root: YamlNode, problems: Problems) -> list[Listed]:
    """In the order of the file. Precedence: cluster < groups, in the order of the file < host."""
    listed = _expanded(root, problems)
    groups = _memberships(root, [host.name for host in listed], problems)
    cluster = root.with_value({k: v for k, v in root.children.items() if k in Settings.model_fields})
    resolved = []
    for host in listed:
        settings = cluster
        mine = [name for name, members in groups.items() if host.name in members or name in _named(host.entry)]
        for name in mine:
            group = root.find("groups", name)
            if group is not None:
                settings = merge(settings, _without(group, "hosts"))
        settings = merge(settings, _without(host.settings, "groups"))
        resolved.append(replace(host, settings=settings, groups=tuple(mine)))
    return resolved


def merge(low: YamlNode, high: YamlNode) -> YamlNode:
    """`high` wins; mappings are merged at every level. An empty mapping takes nothing away, but
    `jump: null` does."""
    if low.is_mapping and high.value is None:
        return low
    if not (low.is_mapping and high.is_mapping):
        return high
    merged = dict(low.children)
    for key, child in high.children.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return high.with_value(merged)


def _expanded(root: YamlNode, problems: Problems) -> list[Listed]:
    hosts: dict[str, Listed] = {}
    section = root.find("hosts")
    for written, entry in section.children.items() if section else ():
        try:
            names = expand(written)
        except RangeError as error:
            problems.key(entry, str(error), error.hint)
            continue
        counted = {key: _counted(entry, written, key, len(names), problems) for key in COUNTED}
        for index, name in enumerate(names):
            if name in hosts:
                first = hosts[name].entry
                message = f"the host `{name}` is listed twice, first in line {first.key[0]} by `{first.path[-1]}`"
                problems.key(entry, message, "make the ranges disjoint")
                continue
            own = dict(entry.children)
            for key, values in counted.items():
                if values is None:
                    own.pop(key, None)
                else:
                    own[key] = replace(own[key], value=values[index], text=values[index])
            hosts[name] = Listed(name, entry, entry.with_value(own))
    return list(hosts.values())


def _counted(entry: YamlNode, written: str, key: str, count: int, problems: Problems) -> tuple[str, ...] | None:
    """One value for each of the `count` hosts that `written` names; None if there are none, or not as many."""
    node = entry.find(key)
    if node is None or node.value is None:
        return None
    if _IPV6_IN_BRACKETS.match(node.text):
        problems.value(node, f"`{node.text}` has brackets around an address", f'write `"{node.text[1:-1]}"`')
        return None
    try:
        values = expand(node.text)
    except RangeError as error:
        problems.value(node, str(error), error.hint)
        return None
    if len(values) == count:
        return values
    hosts = f"`{written}` names {count} host{'s' * (count != 1)}"
    if len(values) == 1:
        problems.value(
            node, f"{hosts}, but has one {key}, `{node.text}`", f"give as many, such as {_example(node, count)}"
        )
    else:
        message = f"{hosts}, but the address range `{node.text}` has {len(values)}"
        problems.value(node, message, "make the two ranges equally long")
    return None


def _example(node: YamlNode, count: int) -> str:
    start = node.text.rstrip("0123456789")
    number = node.text[len(start) :]
    return f"`{start}[{number}:{int(number) + count - 1}]`" if 0 < len(number) < 9 else "`10.0.0.[1:4]`"


def _memberships(root: YamlNode, names: list[str], problems: Problems) -> dict[str, set[str]]:
    """Group → the hosts that it lists itself. Tells names that are no hosts, and groups that are none."""
    known = set(names)
    groups: dict[str, set[str]] = {}
    section = root.find("groups")
    for group, node in section.children.items() if section else ():
        groups[group] = set()
        hosts = node.find("hosts")
        for item in hosts.value if hosts is not None and hosts.is_list else ():
            try:
                members = expand(item.text)
            except RangeError as error:
                problems.value(item, str(error), error.hint)
                continue
            for member in members:
                if member in known:
                    groups[group].add(member)
                else:
                    hint = did_you_mean(member, names) or "list it under `hosts:` first"
                    problems.value(item, f"there is no host `{member}`", hint)
    hosts_section = root.find("hosts")
    for entry in hosts_section.children.values() if hosts_section else ():
        listed = entry.find("groups")
        for item in listed.value if listed is not None and listed.is_list else ():
            if item.text not in groups:
                hint = did_you_mean(item.text, groups) or f"add it: `groups: {{{item.text}: {{}}}}`"
                problems.value(item, f"there is no group `{item.text}`", hint)
    return groups


def _named(entry: YamlNode) -> tuple[str, ...]:
    listed = entry.find("groups")
    return tuple(item.text for item in listed.value) if listed is not None and listed.is_list else ()


def _without(node: YamlNode, key: str) -> YamlNode:
    return node.with_value({k: v for k, v in node.children.items() if k != key})
