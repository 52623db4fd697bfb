"""The `python:` section and version ranges: requirements that are requirements, links that are links."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from provision.core.regex import regex
from provision.inventory.flags import scopes
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

#: As a shell takes it, since it becomes part of a PATH.
_PREFIX = regex(r"/[\w.+@=,/-]*[\w.+@=,-]\Z", re.ASCII)
_INDEX_NAME, _SCHEME = regex(r"\A[\w.-]+="), regex(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
#: Of uv's words for platforms those of a Linux with glibc on the two architectures for which there is a vLLM.
PLATFORM = regex(r"(x86_64|aarch64)-(?:manylinux_2_(\d+)|(manylinux2014)|unknown-linux-gnu)\Z")
_ONE = "leave one of them out"

_REQUIREMENT_LISTS = ("packages", "constraints", "overrides")


def check_packages(root: YamlNode, problems: Problems) -> None:
    python = root.find("python")
    if python is not None:
        for key in _REQUIREMENT_LISTS:
            for item in _items(python.find(key)):
                if not is_file(item.text):
                    _check_requirement(item, problems)
        _check_existing(root, python, problems)
        index = python.find("index")
        indexes = [index] if index is not None and index.value is not None else []
        for item in (*indexes, *_items(python.find("extra_indexes"))):
            _check_index(item, problems)
        _check_platform(python.find("platform"), problems)
    for settings in scopes(root):
        driver = settings.find("expect", "driver")
        if driver is not None and driver.value is not None:
            _check_driver(driver, problems)


def _check_index(item: YamlNode, problems: Problems) -> None:
    # uv takes a name in front, `corp=https://…`; what else stands there may be a password.
    scheme, is_url, rest = _INDEX_NAME.sub("", item.text.strip()).partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    if not is_url or not _SCHEME.match(scheme):
        said = f"an index is a URL, found `{item.text.rpartition('@')[2]}`"
        problems.value(item, said, "a folder of wheels goes to `find_links`")
    elif scheme.lower() not in ("http", "https", "file"):
        problems.value(item, f"no index is read over `{scheme}://`", "write it with `https://`")
    elif not host and scheme.lower() != "file":
        problems.value(item, f"`{scheme}://` is followed by no host", "such as `https://pypi.example.com/simple`")


def _check_platform(node: YamlNode | None, problems: Problems) -> None:
    """uv has words for others as well, and would lock what no host of ours can install."""
    if node is not None and node.value is not None and node.text != "linux" and not PLATFORM.match(node.text):
        said = f"`{node.text}` is not uv's word for a Linux with glibc"
        problems.value(node, said, "such as `x86_64-manylinux_2_34` or `aarch64-manylinux_2_34`: 2.34 is the glibc")


def _check_existing(root: YamlNode, python: YamlNode, problems: Problems) -> None:
    existing = python.find("existing")
    if existing is None or existing.value is None:
        return
    if not _PREFIX.match(existing.text) or ".." in existing.text.split("/"):
        said = f"`{existing.text}` is no absolute path of a folder on the hosts"
        problems.value(existing, said, "write the prefix that holds `bin/python`, such as `/opt/vllm`")
    for name, node in python.children.items():
        if name not in ("existing", "version") and node.value not in (None, ()):
            problems.key(
                node, f"`{name}` is for an environment that is built, and `existing` names one that is not", _ONE
            )
    if root.find("runtime") is not None:
        problems.value(existing, "programs come with `runtime.image`, and `existing` names an environment", _ONE)


#: How the names of files of requirements end. As a requirement, `requirements.in` would be a stranger's package.
LISTS = (".txt", ".in")
_AT_VERSION = regex(r"\A[0-9]+(?:\.[0-9]+)+[\w.+]*\Z")
_COMPARES = regex(r"[<>=!~]=")
_NAMES_FILE = regex(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S.*)\Z")


def is_file(text: str) -> bool:
    """Whether an item names a file of requirements, or one of a project's, and not a requirement, which may end like
    one: `vllm==0.33.0+of.in` is a version of somebody's own."""
    named = text.endswith((*LISTS, ".toml", "uv.lock")) and not text.startswith("-")
    return named and not _COMPARES.search(text)


def _items(node: YamlNode | None) -> tuple[YamlNode, ...]:
    return node.value if node is not None and node.is_list else ()


def _check_requirement(item: YamlNode, problems: Problems) -> None:
    text = item.text
    try:
        if version := _AT_VERSION.search(Requirement(text).url or ""):
            name = text.partition("@")[0].strip()
            said = f"behind `@` stands an address, found `{version[0]}`"
            problems.value(item, said, f"write `{name}=={version[0]}`")
    except InvalidRequirement:
        fixed = re.sub(r"(?<![<>=!~])=(?!=)", "==", text)
        if option := _NAMES_FILE.match(text):
            hint = f"write the file's name alone: `{option[1]}`"
        elif text.startswith("-"):
            hint = "pip's options have settings of their own: `index`, `find_links`, `constraints`"
        elif text.endswith(".whl"):
            hint = "put the wheel into a folder of `find_links`, and name the package here"
        elif fixed != text and _is_requirement(fixed):
            hint = f"write `{fixed}`"
        else:
            hint = "write `vllm==0.33.0`, `ray[default]==2.56.1` or `numpy<3`"
        problems.value(item, f"`{text}` is not a requirement", hint)


def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def _check_driver(node: YamlNode, problems: Problems) -> None:
    try:
        SpecifierSet(node.text)
    except InvalidSpecifier:
        digits = re.fullmatch(r"[0-9]+(\.[0-9]+)*", node.text)
        hint = f'write `">={node.text}"` or `"=={node.text}.*"`' if digits else 'write `">=580"` or `">=570,<590"`'
        problems.value(node, f"should be a version range, found `{node.text}`", hint)
