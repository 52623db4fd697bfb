"""Characters that nobody sees, spelled out: text from hosts, hubs and indexes can steer no terminal, and hide nothing.

This is the one rule for everything that is shown: terminal, log file, page and JUnit. JSON lines are ASCII, which
spells the same characters by itself.
"""

from __future__ import annotations

from provision.core.regex import regex
from provision.core.urls import masked

# Controls (C0, C1, DEL), marks of direction and of format, halves of characters, separators of lines: categories Cc,
# Cf, Cs, Zl and Zp of Unicode 16; and what a font draws as nothing, Default_Ignorable_Code_Point of
# DerivedCoreProperties.txt: fillers, variation selectors, tags.
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_UNSEEN_CHARACTER = regex(f"[{_UNSEEN}]")


def visible(text: str, keep: str = "") -> str:
    r"""`text` with every unseen character that is not in `keep` spelled out: `\x1b`, `\u202e`, `\U000e0041`."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN_CHARACTER.sub(lambda found: found[0] if found[0] in keep else spelled(found[0]), text)


def spelled(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(text: str, keep: str = "") -> str:
    """What may be shown of `text`: nothing unseen, and no password of a URL."""
    return masked(visible(text, keep))
