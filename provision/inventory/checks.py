"""What types cannot say about hosts: one head, no two the same, addresses that are addresses, GPUs enough."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.inventory.hosts import Listed
from provision.inventory.networks import check_network, is_ip, one_spelling
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems, listing

_NAME = regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
_DNS_NAME = regex(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?\Z")
_JUMP = regex(r"([^\s@,-][^\s,]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)(:[0-9]{1,5})?\Z")
# Behind an at sign, the domain of a directory's user, and no address of a host.
_USER = regex(r"[A-Za-z0-9_][^\s:@]{0,63}(@([A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]*)?\Z")
_INTERFACE = regex(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}\Z")  # IFNAMSIZ is 16, with the final NUL
_ROOT = regex(r"(~/|/)[A-Za-z0-9._/@+-]+\Z")


def is_host_name(text: str) -> bool:
    return _NAME.match(text) is not None


def check_hosts(hosts: Sequence[Listed], root: YamlNode, problems: Problems) -> None:
    """`root` is the checked file; mistakes of type are told already."""
    _check_names(hosts, problems)
    for host in hosts:
        _check_settings(host, problems)
        check_network(host, problems)
    _check_distinct(hosts, problems, "address", _ssh_target)
    _check_distinct(hosts, problems, "node_ip", lambda host: one_spelling(_text(host.settings, "node_ip")))
    _check_gpus(hosts, root, problems)
    _check_spares(hosts, root, problems)


@dataclass(frozen=True)
class RoleHints:
    """How to name one head, in the words of the format that the file is written in."""

    none: str = "add `role: head` to one of them"
    empty: str = "list them: `hosts: {gpu-01: {address: 10.0.0.1}}`"
    many: str = "keep `role: head` on one of them"


def check_roles(hosts: Sequence[Listed], section: YamlNode, problems: Problems, hints: RoleHints) -> str | None:
    """The head's name. One host alone is the head."""
    heads = [host for host in hosts if _text(host.settings, "role") == "head"]
    if not hosts:
        problems.value(section, "there are no hosts", hints.empty)
    elif len(heads) == 1:
        return heads[0].name
    elif len(heads) > 1:
        node = heads[1].settings.find("role") or heads[1].entry
        names = listing((host.name for host in heads[:4]), "and") + (" …" if len(heads) > 4 else "")
        problems.value(node, f"{len(heads)} hosts are the head: {names}", hints.many)
    elif len(hosts) == 1 and hosts[0].settings.find("role") is None:
        return hosts[0].name
    else:
        problems.at(*section.key, f"none of the {len(hosts)} hosts is the head", hints.none, section.name)
    return None


def _check_names(hosts: Sequence[Listed], problems: Problems) -> None:
    for host in hosts:
        if not _NAME.match(host.name):
            wanted = "letters, digits, dots, dashes and underscores, at most 63"
            problems.key(host.entry, f"the host name `{host.name}` should be {wanted}", _named(host.name))


def _named(text: str) -> str:
    """What is meant by a name with a colon."""
    name, _, port = text.rpartition(":")
    if ":" in name:
        return f'give it a name, and its address as `address: "{text}"` (in Ansible\'s words `ansible_host`)'
    return f"the port has a key of its own: `{name}: {{ssh: {{port: {port}}}}}`" if port.isdigit() else ""


def _check_settings(host: Listed, problems: Problems) -> None:
    settings = host.settings
    if address := settings.find("address"):
        _check_address(address, problems)
    node_ip = settings.find("node_ip")
    if node_ip is not None and node_ip.value is not None:
        wrong = _wrong_ip(node_ip.text)
        if wrong:
            problems.value(node_ip, wrong, "write the address that the other hosts reach it by, such as `10.0.0.1`")
    root = settings.find("root")
    if root is not None and root.value is not None and (not _ROOT.match(root.text) or ".." in root.text.split("/")):
        message = f"should be an absolute path or one below `~/`, without spaces, found `{root.text}`"
        problems.value(root, message, "write `~/.provision` or `/opt/provision`")
    user = settings.find("ssh", "user")
    if user is not None and user.value is not None and not _USER.match(user.text):
        problems.value(user, f"`{user.text}` cannot be the name of a user", "write `ubuntu`, and the host as `address`")
    interface = settings.find("interface")
    if interface is not None and interface.value is not None and not _INTERFACE.match(interface.text):
        problems.value(interface, f"`{interface.text}` cannot be a network interface", "`ip -br link` lists them")
    jump = settings.find("ssh", "jump")
    if jump is not None and jump.value is not None and not all(map(_is_hop, jump.text.split(","))):
        problems.value(
            jump, f"should be `[user@]host[:port]`, found `{jump.text}`", "write `ubuntu@bastion.example.org`"
        )
    host_key = settings.find("ssh", "host_key")
    if host_key is not None and host_key.value is not None and not _is_host_key(host_key.text):
        problems.value(host_key, "should be a type and a key, `ssh-ed25519 AAAA…`", "ssh-keyscan prints it")


def _is_hop(text: str) -> bool:
    found = _JUMP.match(text)
    return found is not None and (not found[3] or 0 < int(found[3][1:]) < 65536)


def _check_address(node: YamlNode, problems: Problems) -> None:
    text = node.text
    if node.value is None:
        return
    if is_ip(text):
        # To connect to 0.0.0.0 is to connect to this machine (ip(7)).
        if said := _wrong_ip(text):
            problems.value(node, said, "write the address by which this machine reaches it, such as `10.0.0.1`")
    elif "@" in text:
        user, _, rest = text.rpartition("@")
        message, hint = "the user has a key of its own", f"write `{{address: {rest}, ssh: {{user: {user}}}}}`"
        problems.value(node, f"`{text}` is no address: {message}", hint)
    elif re.fullmatch(r"[^:]+:[0-9]+", text):
        rest, _, port = text.rpartition(":")
        message, hint = "the port has a key of its own", f"write `{{address: {rest}, ssh: {{port: {port}}}}}`"
        problems.value(node, f"`{text}` is no address: {message}", hint)
    elif re.fullmatch(r"[0-9.]+", text):
        problems.value(node, f"`{text}` is no IP address", "write four numbers from 0 to 255, such as `10.0.0.1`")
    elif not _DNS_NAME.match(text):
        problems.value(node, f"`{text}` is neither a host name nor an IP address", "write `10.0.0.1` or `gpu-01.rack`")


def _check_distinct(
    hosts: Sequence[Listed], problems: Problems, key: str, value_of: Callable[[Listed], str | None]
) -> None:
    seen: dict[str, str] = {}
    for host in hosts:
        value = value_of(host)
        if value is None:
            continue
        if value in seen:
            node = host.settings.find(key) or host.entry
            shown = _text(host.settings, key) or value
            message = f"`{host.name}` has the same {key} `{shown}` as `{seen[value]}`"
            problems.value(node, message, f"no two hosts can share their {key}")
        seen.setdefault(value, host.name)


def _check_gpus(hosts: Sequence[Listed], root: YamlNode, problems: Problems) -> None:
    serve = root.find("serve")
    counts = [host.settings.find("expect", "gpus") for host in hosts]
    values = [count.value for count in counts if count is not None and isinstance(count.value, int)]
    if serve is None or not serve.is_mapping or not hosts or len(values) < len(hosts):
        return
    tensor, pipeline = (_number(serve, key) for key in ("tensor_parallel", "pipeline_parallel"))
    copies = _copies(serve)
    if (needed := tensor * pipeline * copies) > sum(values):
        node = serve.find("pipeline_parallel") or serve.find("tensor_parallel") or serve
        have = " + ".join(str(v) for v in values) if len(values) <= 8 else f"{len(values)} hosts"
        cut = f"tensor_parallel {tensor} × pipeline_parallel {pipeline}"
        cut += f" × data-parallel-size {copies}" if copies > 1 else ""
        message = f"{cut} needs {needed} GPUs, the hosts are expected to have {sum(values)} ({have})"
        problems.value(node, message, "list more hosts, or make the product smaller")


def _copies(serve: YamlNode) -> int:
    """Replicas of the server; 1 where other flags say how many of them are here."""
    args = serve.find("args") or serve.with_value({})
    said = {name.replace("_", "-"): node for name, node in args.children.items()}
    counted = [name for name in said if name.startswith("data-parallel-") and name != "data-parallel-backend"]
    value = said["data-parallel-size"].text if counted == ["data-parallel-size"] else ""
    return int(value) if re.fullmatch(r"[1-9][0-9]{0,5}", value) else 1


def _check_spares(hosts: Sequence[Listed], root: YamlNode, problems: Problems) -> None:
    node = root.find("spares")
    if node is None or not isinstance(node.value, int) or not hosts or node.value < len(hosts):
        return
    count = f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}"
    said = f"{node.value} spares leave none of {count} to serve"
    problems.value(node, said, f"write a number below {len(hosts)}")


def _number(serve: YamlNode, key: str) -> int:
    node = serve.find(key)
    return node.value if node is not None and isinstance(node.value, int) else 1


def _ssh_target(host: Listed) -> str:
    address = _text(host.settings, "address") or host.name
    # Behind different jump hosts, the same private address is another machine.
    jump = _text(host.settings, "ssh", "jump") or ""
    return f"{one_spelling(address)}:{_text(host.settings, 'ssh', 'port') or 22}:{jump}"


def _text(node: YamlNode, *path: str) -> str | None:
    found = node.find(*path)
    return found.text if found is not None and found.is_scalar and found.value is not None else None


def _wrong_ip(text: str) -> str:
    if not is_ip(text):
        return f"`{text}` is no IP address"
    address = ipaddress.ip_address(text)
    if address.is_unspecified or address.is_multicast or text == "255.255.255.255":
        return f"`{text}` is not the address of one host"
    return ""


def _is_host_key(text: str) -> bool:
    return re.match(r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+) AAAA[A-Za-z0-9+/=]+( .*)?\Z", text) is not None
