"""What Docker leaves out of a build: the patterns of `.dockerignore` (docs.docker.com/build/concepts/context)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from provision.core.reading import read_kept
from provision.core.regex import regex

_WILD = {"*": "[^/]*", "?": "[^/]"}
_PARTS = regex(r"\*\*/?|\*|\?|\[[^]]*\]|\\.|.", re.DOTALL)


def ignored(context: Path) -> Callable[[str], bool]:
    """Whether a path below `context` is left out, itself or with a folder that it is in. The last pattern that fits
    decides."""
    try:
        lines = read_kept(context / ".dockerignore").decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    rules = [rule for line in lines if (rule := _rule(line))]

    def leaves_out(path: str) -> bool:
        out = False
        for pattern, takes_out in rules:
            if pattern.fullmatch(path):
                out = takes_out
        return out

    return leaves_out


def _rule(line: str) -> tuple[re.Pattern[str], bool] | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    takes_out = not text.startswith("!")
    text = text.removeprefix("!").strip().strip("/").removeprefix("./")
    if not text or text == ".":
        return None
    pattern = "".join(_translated(part) for part in _PARTS.findall(text))
    try:
        return re.compile(f"{pattern}(?:/.*)?", re.DOTALL), takes_out
    except re.error:
        return None


def _translated(part: str) -> str:
    if part.startswith("**"):
        return "(?:.*/)?" if part.endswith("/") else ".*"
    if part in _WILD:
        return _WILD[part]
    if part.startswith("[") and len(part) > 2:
        return part
    return re.escape(part[-1])
