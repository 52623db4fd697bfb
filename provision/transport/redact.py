"""Masks secrets in the hosts' output where it arrives: nothing behind the transport ever holds one.

A value is found as it is, line by line if it has several, as base64 (wherever it stands in the encoded text,
also wrapped as base64(1) does), URL-quoted, and as JSON and sh write it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from provision.core.secret import MASK, Secret

#: Shorter values would mask half of every text, and protect nothing.
SHORTEST = 4

# Columns after which encoders break lines: base64(1) and MIME 76, PEM 64.
_WRAPS = (76, 64)


def redactor(secrets: Iterable[Secret]) -> Callable[[str], str]:
    """A function that masks every form of `secrets` in a line."""
    forms = {form for secret in secrets for form in _forms(secret.reveal()) if len(form) >= SHORTEST}
    if not forms:
        return str
    # Longest first: a secret that contains another is masked whole.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda line: pattern.sub(MASK, line)


def _forms(value: str) -> Iterator[str]:
    for part in dict.fromkeys((value, *value.splitlines())):
        if len(part.strip()) < SHORTEST:
            continue
        yield part
        yield part.strip()
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        for escaped in ("'\\''", "'\"'\"'"):  # as sh and as Python's shlex quote
            yield part.replace("'", escaped)
        for quoted in (quote(part, safe=""), quote(part), quote_plus(part)):
            yield quoted
            yield re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)
        yield from _encoded(part.encode())
    yield from _wrapped(value.encode())


def _encoded(value: bytes) -> Iterator[str]:
    """What of `value`'s base64 is the same whatever stands around it: three bytes make four characters, so
    that there are three alignments, and the characters at both ends mix with the neighbours."""
    if len(value) < SHORTEST:
        return
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(value).decode().rstrip("=")
        for shift in range(3):
            text = encode(bytes(shift) + value).decode()
            first = (shift * 8 + 5) // 6
            last = (shift + len(value)) * 8 // 6
            yield text[first:last]


def _wrapped(value: bytes) -> Iterator[str]:
    for text in (b64encode(value).decode(), b64encode(value + b"\n").decode()):
        for width in _WRAPS:
            if len(text) > width:
                yield from (text[at : at + width].rstrip("=") for at in range(0, len(text), width))
