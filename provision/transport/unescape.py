"""Text without its escapes, and where each character came from: a secret is found in whatever it is written.

Layer by layer: what one layer decodes may be escaped again, as JSON within JSON is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from provision.core.regex import regex

#: Layers that are looked through: a log line in JSON, which quotes a shell's words, which quote a URL.
LAYERS = 4

_PERCENT = r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
_CODED = (
    r"(?P<unit>(?:\\u[0-9A-Fa-f]{4})+)|\\U(?P<wide>[0-9A-Fa-f]{8})"
    r"|(?P<bytes>(?:\\x[0-9A-Fa-f]{2})+)|(?P<octal>(?:\\[0-3][0-7]{2})+)"
    r"|\\(?P<plain>[^A-Za-z0-9])|\\(?P<letter>[ntrfbva0])"
)
# Where a shell's word goes on in other quotes. Elsewhere two quotes are two quotes, so that each is tried.
_BACKSLASH = _CODED + r"|'\"(?P<quote>')\"'|(?P<seam>'\$'|'')"
# In single quotes a backslash is one; what is not ASCII stands in quotes of its own. Before a quote that is written
# out, a dollar is one as well, and of two quotes the first is one that opens.
_QUOTED = r"'\$'(?P<octal>(?:\\[0-3][0-7]{2})+)''|'\\(?P<quote>')'|(?P<seam>'\$'(?!\\'|\$')|''(?!\\'|\$'))"
_ENTITY = r"&#(?P<decimal>\d{1,7});|&#[xX](?P<hex>[0-9A-Fa-f]{1,6});|&(?P<named>amp|lt|gt|quot|apos|nbsp);"

# All at once, and each alone: what one of them takes for an escape may be what another one leaves as it is.
_ESCAPES = [
    regex(pattern) for pattern in (f"{_PERCENT}|{_BACKSLASH}|{_ENTITY}", _PERCENT, _BACKSLASH, _CODED, _QUOTED, _ENTITY)
]
_LETTERS = dict(zip("ntrfbva0", "\n\t\r\f\b\v\a\0", strict=True))

#: What an escape has in it.
ESCAPING = "%\\&'"


def run_of_bytes(least: int) -> str:
    """A pattern: as od, xxd, certificates and `repr` print them. Nothing between them: that is a form of its own."""
    return r"(?:(?:\\{1,4}x|0x)?[0-9A-Fa-f]{2}[ :,-]{0,2}){" + f"{least},}}"


_BYTES = regex(run_of_bytes(4))
_BETWEEN = regex(r"\\+x|0x|[ :,-]+")
_BYTE = regex(r"[0-9A-Fa-f]{2}")

#: A text, and where in the first text each of its characters begins and ends.
Layer = tuple[str, list[int], list[int]]


def layers(text: str, wanted: Sequence[str]) -> Iterator[Layer]:
    """The text without its escapes, then without those that were within them, where one of `wanted` is in it."""
    if _ESCAPES[0].search(text) is None:
        return
    for escape in _ESCAPES:
        now = text
        for layer in range(LAYERS):
            if escape.search(now) is None:
                break
            decoded = escape.sub(_said, now)
            if any(each in decoded for each in wanted):
                # Only now: most texts hold no secret.
                decoded, places = _placed(text, escape, layer + 1)
                yield decoded, places, places[1:]
            now = decoded


def byte_runs(text: str, wanted: Sequence[str]) -> Iterator[Layer]:
    """What is written as bytes in hex, each as a character of Latin 1, where one of `wanted` (in hex) is in it."""
    for run in _BYTES.finditer(text):
        digits = _BETWEEN.sub("", run[0]).lower()
        if not any(each in digits for each in wanted):
            continue
        pairs = list(_BYTE.finditer(text, run.start(), run.end()))
        yield "".join(chr(int(pair[0], 16)) for pair in pairs), [p.start() for p in pairs], [p.end() for p in pairs]


def _placed(text: str, escape: re.Pattern[str], count: int) -> tuple[str, list[int]]:
    """`text` after `count` layers, and where each character of it was, with the end as the last one."""
    places = list(range(len(text) + 1))
    for _ in range(count):
        text, where = _decoded(text, escape)
        places = [places[at] for at in where]
    return text, places


def _decoded(text: str, escape: re.Pattern[str]) -> tuple[str, list[int]]:
    """Also where each character of it was in `text`, with the end as the last one."""
    out: list[str] = []
    where: list[int] = []
    at = 0
    for found in escape.finditer(text):
        begin, end = found.span()
        out.append(text[at:begin])
        where += range(at, begin)
        said = _said(found)
        out.append(said)
        # Spread evenly: so that a part of a run of escapes is masked as far as it goes.
        where += [begin + (end - begin) * n // max(1, len(said)) for n in range(len(said))]
        at = end
    out.append(text[at:])
    where += range(at, len(text) + 1)
    return "".join(out), where


def _said(found: re.Match[str]) -> str:
    kind, value = str(found.lastgroup), found[str(found.lastgroup)]
    if kind in ("plain", "quote"):
        return value
    if kind == "seam":
        return ""
    if kind == "letter":
        return _LETTERS[value]
    if kind == "decimal":
        return _character(int(value))
    if kind in ("hex", "wide"):
        return _character(int(value, 16))
    if kind == "named":
        from html.entities import html5  # two thousand names, for what hosts hardly ever print

        return html5.get(f"{value};", "'")
    if kind == "unit":
        units = bytes.fromhex(value.replace("\\u", ""))
        return units.decode("utf-16-be", "replace")
    if kind == "octal":
        raw = bytes(int(digits, 8) for digits in value.split("\\")[1:])
    else:
        raw = bytes.fromhex(value.replace("%", "").replace("\\x", ""))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 else "?"
