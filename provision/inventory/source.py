"""YAML text → a tree of nodes that know where they stand.

Stricter than YAML where YAML surprises: a key stands once, numbers are what they look like (`010` and
`1:30` stay text), there are no tags, no second document, and only `true` and `false` are truth values. Wider
in one place: a range such as `10.0.0.[2:4]` needs no quotes inside `{}`.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.inventory.node import YamlNode, dotted
from provision.inventory.problems import Problems, shorten
from provision.inventory.yaml_errors import INI_HINT, explain

MAX_BYTES = 1 << 20
#: Far above any real inventory (a thousand hosts with ten settings each), far below what hurts.
MAX_NODES = 50_000
MAX_DEPTH = 32

#: Unquoted, these are truth values to half of the world's YAML readers and text to the other half.
AMBIGUOUS = frozenset({"yes", "no", "on", "off"})

_YAML = "tag:yaml.org,2002:"
_SCALAR_TAGS = {_YAML + t for t in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")}
_INT = regex(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = regex(r"[-+]?[0-9]{1,300}\.[0-9]{0,300}([eE][-+]?[0-9]{1,3})?\Z")
_CONTROL = regex("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

# The brackets of a range inside a word are passed through PyYAML as two characters that mean nothing to it.
_RANGE = regex(r"(?<=[^\s\[\]{},'\"])\[([0-9]+(?::[0-9]+){1,2})\]")
_OPEN, _CLOSE = "\ue000", "\ue001"


#: What Ansible's own YAML marks values with, and `ansible-inventory` writes: encrypted, and free of templates.
ANSIBLE_TAGS = frozenset({"!vault", "!vault-encrypted", "!unsafe"})


@dataclass(frozen=True)
class OddKey:
    """A key that YAML takes for something else than a word: a number, a truth value, nothing."""

    path: tuple[str, ...]
    line: int
    column: int
    text: str
    hint: str

    def refuse(self, problems: Problems) -> None:
        found = f"`{self.text}`" if self.text else "nothing"
        said = f"a key should be a word, found {found} without quotes"
        problems.at(self.line, self.column, said, self.hint, dotted(self.path))


def parse(
    text: str, problems: Problems, tags: frozenset[str] = frozenset(), odd: list[OddKey] | None = None
) -> YamlNode:
    """The file as a mapping node. Raises InventoryError if it is no YAML mapping; mistakes that leave
    something to go on with are added to `problems`. `tags`: kept with their values, for `refuse_tags`. `odd`: gets the
    keys that are no words, and they are kept by their text; without it they are refused."""
    composed = _compose(text, problems)
    if composed is None:
        problems.at(1, 1, "the file is empty", "begin with `cluster: my-cluster` and `hosts:`")
        problems.stop()
    root = _Reader(problems, tags, odd).node(composed, (), None)
    if not root.is_mapping:
        found = "a list" if root.is_list else f"`{shorten(root.text)}`"
        hint = INI_HINT if "ansible_" in root.text else "begin with `cluster: my-cluster` and `hosts:`"
        problems.at(root.line, root.column, f"the file should be a mapping of settings, found {found}", hint)
        problems.stop()
    return root


def refuse_ambiguous(root: YamlNode, problems: Problems) -> None:
    """Unquoted `yes`, `no`, `on`, `off`, as a value."""
    for node in root.walk():
        if is_ambiguous(node):
            truth = "true" if node.text.lower() in ("yes", "on") else "false"
            problems.value(
                node,
                f"`{node.text}` without quotes may be read as a boolean or as text",
                f'write `{truth}`, or `"{node.text}"` for the text',
            )


def refuse_tags(root: YamlNode, problems: Problems) -> None:
    """Ansible's tags, where they are none of an Ansible inventory."""
    for node in root.walk():
        if node.tag:
            _no_tag(problems, node.tag, node.line, node.column, node.path)


def _no_tag(problems: Problems, tag: str, line: int, column: int, path: tuple[str, ...]) -> None:
    hint = "name the file under `secrets:`, which ansible-vault decrypts: `{vault: FILE, key: NAME}`"
    hint = hint if tag in ANSIBLE_TAGS - {"!unsafe"} else f"remove `{tag}`"
    problems.at(line, column, f"the tag `{tag}` has no meaning in an inventory", hint, dotted(path))


def is_ambiguous(node: YamlNode) -> bool:
    return isinstance(node.value, str) and not node.quoted and node.text.lower() in AMBIGUOUS


def _refuse_tabs(text: str, problems: Problems) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indent and line.strip():
            problems.at(
                number,
                indent.index("\t") + 1,
                "a tab in the indentation: YAML allows only spaces there",
                "replace each tab by spaces (`expand -t 2`)",
            )
    problems.stop_if_any()


def _compose(text: str, problems: Problems) -> yaml.Node | None:
    for mark in (_OPEN, _CLOSE):
        if mark in text:
            line = text.count("\n", 0, text.index(mark)) + 1
            problems.at(line, 1, f"the private-use character U+{ord(mark):04X} cannot be part of an inventory")
            problems.stop()
    hidden = _RANGE.sub(rf"{_OPEN}\1{_CLOSE}", text)
    try:
        loader = _Loader(hidden)
        try:
            node: yaml.Node | None = loader.get_single_node()
            return node
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        from provision.inventory.typeset import refuse_in_text  # where it is no YAML

        _refuse_tabs(text, problems)
        refuse_in_text(text, problems)
        line, column, message, hint = explain(error, hidden)
        problems.at(line, column, _brackets(message), hint)
        problems.stop()


class _Loader(yaml.SafeLoader):
    """Stops at a depth and a number of nodes, before memory or the stack do."""

    depth = 0
    count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        if self.count > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Turns PyYAML's nodes into ours, expanding aliases under a limit."""

    def __init__(self, problems: Problems, tags: frozenset[str], odd: list[OddKey] | None) -> None:
        self.problems = problems
        self.tags = tags
        self.odd = odd
        self.count = 0
        self.open: set[int] = set()

    def node(self, raw: yaml.Node, path: tuple[str, ...], key: tuple[int, int] | None) -> YamlNode:
        line, column = _position(raw)
        self.count += 1
        if self.count > MAX_NODES:
            message = f"aliases expand to more than {MAX_NODES} values"
            self._stop(line, column, message, "write the hosts as a range, such as `gpu-[01:64]`")
        if id(raw) in self.open:
            self._stop(
                line, column, "an alias refers to what it is part of", "remove the anchor `&…` or the alias `*…`"
            )
        self.open.add(id(raw))
        value, text, quoted = self._value(raw, path)
        self.open.discard(id(raw))
        tag = raw.tag if raw.tag in self.tags else ""
        return YamlNode(value, line, column, path, key or (line, column), text, quoted, tag)

    def _value(self, raw: yaml.Node, path: tuple[str, ...]) -> tuple[Any, str, bool]:
        if isinstance(raw, yaml.MappingNode):
            self._refuse_tag(raw, {_YAML + "map"}, path)
            return self._mapping(raw, path), "", False
        if isinstance(raw, yaml.SequenceNode):
            self._refuse_tag(raw, {_YAML + "seq"}, path)
            return tuple(self.node(item, (*path, f"[{i}]"), None) for i, item in enumerate(raw.value)), "", False
        self._refuse_tag(raw, _SCALAR_TAGS | self.tags, path)
        text = _brackets(raw.value)
        if _CONTROL.search(text):
            line, column = _position(raw)
            self.problems.at(line, column, "a control character cannot be part of a value", path=dotted(path))
            text = _CONTROL.sub("", text)
        quoted = bool(getattr(raw, "style", None)) or raw.tag in self.tags
        return (text if quoted or raw.tag == _YAML + "str" else _resolve(text)), text, quoted

    def _mapping(self, raw: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, YamlNode]:
        own: dict[str, YamlNode] = {}
        merged: dict[str, YamlNode] = {}
        for raw_key, raw_value in raw.value:
            position = _position(raw_key)
            if raw_key.tag == _YAML + "merge":
                for key, node in self._merge(raw_value, path).items():
                    merged.setdefault(key, node)
                continue
            name = self._key(raw_key, raw_value, path)
            if name is None:
                continue
            node = self.node(raw_value, (*path, name), position)
            if name in own:
                first = f"line {own[name].key[0]}"
                self.problems.key(node, f"the key `{name}` occurs twice, first in {first}", "remove one of the two")
                continue
            own[name] = node
        return {**merged, **own}

    def _key(self, raw: yaml.Node, value: yaml.Node, path: tuple[str, ...]) -> str | None:
        line, column = _position(raw)
        if not isinstance(raw, yaml.ScalarNode):
            kind = "a list" if isinstance(raw, yaml.SequenceNode) else "a mapping"
            hint = "put the key in quotes if it begins with a bracket"
            self.problems.at(line, column, f"a key should be a word, found {kind}", hint, dotted(path))
            return None
        word, text, quoted = self._value(raw, path)
        if isinstance(word, str) and (quoted or text.lower() not in AMBIGUOUS):
            return word
        hint = f'write `"{text}"`' if text else "write a word before the colon"
        if text and value.end_mark.index == raw.end_mark.index:  # `{A: 0,1}`: it has no colon
            hint = 'put a value with commas in quotes: `"0,1"`'
        found = OddKey(path, line, column, text, hint)
        if self.odd is None:
            found.refuse(self.problems)
            return None
        self.odd.append(found)
        return text

    def _merge(self, raw: yaml.Node, path: tuple[str, ...]) -> dict[str, YamlNode]:
        """YAML's `<<: *defaults`."""
        sources = raw.value if isinstance(raw, yaml.SequenceNode) else [raw]
        merged: dict[str, YamlNode] = {}
        for source in sources:
            node = self.node(source, path, None)
            if not node.is_mapping:
                self.problems.at(node.line, node.column, "`<<` merges mappings only", path=dotted(path))
            for key, child in node.children.items():
                merged.setdefault(key, child)
        return merged

    def _refuse_tag(self, raw: yaml.Node, allowed: set[str], path: tuple[str, ...]) -> None:
        if raw.tag in allowed:
            return
        line, column = _position(raw)
        _no_tag(self.problems, raw.tag.replace(_YAML, "!!"), line, column, path)

    def _stop(self, line: int, column: int, message: str, hint: str) -> None:
        self.problems.at(line, column, message, hint)
        self.problems.stop()


def _resolve(text: str) -> bool | int | float | str | None:
    """An unquoted scalar's value, by YAML 1.2's rules for what both versions of YAML agree on."""
    if text in ("", "~") or text.lower() == "null":
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _brackets(text: str) -> str:
    return text.replace(_OPEN, "[").replace(_CLOSE, "]")


def _position(raw: yaml.Node) -> tuple[int, int]:
    return raw.start_mark.line + 1, raw.start_mark.column + 1
