"""Characters that a word processor or a web page has put in place of those that YAML knows: spaces that are none,
quotes that are letters. In text they are welcome; where they look like YAML's own, they are named."""

from __future__ import annotations

import unicodedata

from provision.core.regex import regex
from provision.inventory.node import YamlNode, dotted
from provision.inventory.problems import Problems

_SPACES = "\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060-\u2069\u3000\ufeff"
_SPACE = regex(f"[{_SPACES}]")
_QUOTES = "\u2018-\u201f\u00ab\u00bb\u2039\u203a"
_IN_QUOTES = regex(rf"[{_QUOTES}](.*)[{_QUOTES}]\Z")

#: Where a quote may begin in YAML, and what stands before a comment.
_QUOTE = regex(rf"(?:[:,\[{{]|^\s*-|^)\s*([{_QUOTES}])")
_COMMENT = regex(r"(?:^|\s)#.*")

#: What is anybody's own text.
_FREE = ("vars", "reason")


def refuse_typeset(root: YamlNode, problems: Problems) -> None:
    """In keys, and in values without quotes."""
    for node in root.walk():
        if any(part in _FREE for part in node.path):
            continue
        key = node.path[-1] if node.path and not node.path[-1].startswith("[") else ""
        _look(key, node.key, dotted(node.path[:-1]), problems)
        if isinstance(node.value, str) and not node.quoted:
            _look(node.text, (node.line, node.column), node.name, problems)


def refuse_in_text(text: str, problems: Problems) -> None:
    """Where the text as a whole is no YAML, the places that may be why."""
    for number, line in enumerate(text.split("\n"), 1):
        plain = _COMMENT.sub("", line)
        if found := _SPACE.search(plain):
            _space(found[0], number, found.start() + 1, "", problems)
        elif found := _QUOTE.search(plain):
            said = f"`{found[1]}` is no quote to YAML, which knows `\"` and `'` alone"
            problems.at(number, found.start(1) + 1, said, "replace it by the quote of the keyboard")


def _look(text: str, at: tuple[int, int], path: str, problems: Problems) -> None:
    if found := _SPACE.search(text):
        _space(found[0], *at, path, problems)
    elif quoted := _IN_QUOTES.match(text):
        said = f"the quotes of `{text}` are letters to YAML, and part of it"
        problems.at(*at, said, f'write `"{quoted[1]}"`', path)


def _space(character: str, line: int, column: int, path: str, problems: Problems) -> None:
    name = unicodedata.name(character, "").lower()
    named = f"U+{ord(character):04X}" + (f" ({name})" if name else "")
    said = f"here is the character {named}, which looks like a space or like nothing, and is neither to YAML"
    problems.at(line, column, said, "replace it by a space, or remove it", path)
