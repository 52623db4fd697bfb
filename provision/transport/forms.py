"""The forms in which a secret may stand in a text: as it is, encoded, or escaped as a whole."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

#: Shorter values are masked only where a value stands: elsewhere they would mask half of every text.
SHORTEST = 6

# Shorter encoded forms are coincidences.
_ENCODED = 8


def parts(value: str) -> Iterator[str]:
    """`value`, and line by line if it has several: a log shows it that way."""
    for part in dict.fromkeys((value, value.strip(), *value.splitlines(), *map(str.strip, value.splitlines()))):
        # Of a line too short to be told from others nothing is masked; a value that is so has a pattern of its own.
        if part.strip() and (len(part.strip()) >= SHORTEST or part == value):
            yield part


def literal_forms(part: str) -> Iterator[str]:
    """Those that are looked for as they are."""
    if len(part.strip()) >= SHORTEST:
        yield part
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1])
        for quoted in ("'\\''", "'\"'\"'"):  # as sh and as Python's shlex quote
            yield part.replace("'", quoted)
        for quoted in (quote(part, safe=""), quote(part), quote_plus(part)):
            yield quoted
            yield re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)
    raw = part.encode("utf-8", "surrogatepass")
    yield from (form for form in _encoded(raw) if len(form) >= _ENCODED)


def _encoded(raw: bytes) -> Iterator[str]:
    """Hex, and what of base64 is the same whatever stands around the value: three bytes make four characters, so that
    there are three alignments, and the characters at both ends mix with the neighbours."""
    yield raw.hex()
    yield raw.hex().upper()
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield encode(raw + b"\n").decode().rstrip("=")
        for shift in range(3):
            text = encode(bytes(shift) + raw).decode()
            yield text[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]


def short_pattern(value: str) -> str:
    """Of a value too short to be told from a coincidence: only where it is given as a value, in quotes, after a `=` or
    a colon, or as what a header has."""
    return rf"(?:(?<=[=:\"'])|(?<=[=:] )|(?<=Bearer ))(?<!\d:){re.escape(value)}(?![\w.:/-])"
