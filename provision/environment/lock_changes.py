"""What is another in one lock than in an other, and because of what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from packaging.utils import canonicalize_name

from provision.environment.lock_text import header_of

#: What decides whether ranks understand each other comes first.
_FIRST = ("vllm", "torch", "ray", "nvidia-nccl")

#: The files that uv was given, as it names them beside a package → the settings that are in them.
_SETTINGS = (
    ("-r packages.in", "python.packages"),
    ("-c constraints.txt", "python.constraints"),
    ("--override overrides.txt", "python.overrides"),
)


class Packages(Protocol):
    """A lock, as far as it is compared."""

    @property
    def text(self) -> str: ...

    @property
    def packages(self) -> Mapping[str, str]: ...

    @property
    def hashes(self) -> Mapping[str, tuple[str, ...]]: ...


def named_by_setting(body: str) -> str:
    """uv's requirements file, with settings of the inventory in place of its arguments."""
    for file, setting in _SETTINGS:
        body = re.sub(rf"(#(?: via)? +){re.escape(file)}$", rf"\g<1>{setting}", body, flags=re.MULTILINE)
    return body


def changes(old: Packages | None, new: Packages) -> tuple[str, ...]:
    """One line for each package that is another, those that matter most first. None for what there was not yet."""
    if old is None:
        return ()
    before, reasons = old.packages, reasons_in(new.text)
    built = header_of(new.text).get("built", "")
    found = []
    for name in sorted({*before, *new.packages}, key=_rank):
        was, now = before.get(name), new.packages.get(name)
        if was == now:
            gone = set(old.hashes[name]) - set(new.hashes[name])
            anew = any(digest.removeprefix("sha256:") in built for digest in new.hashes[name])
            what = "was built anew" if anew else f"{len(gone)} of its files are no longer on the index, or others"
            found += [f"{name} {now}: {what}"] if gone else []
            continue
        why = _why(reasons.get(name, ()), before, new.packages) if now else ""
        found.append(f"{name} {was or 'absent'} → {now or 'absent'}{why}")
    return tuple(found)


def _why(asked_by: tuple[str, ...], before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Who asks for it. Those that moved themselves say it alone, since it is because of them."""
    settings = [name for name in asked_by if name.startswith("python.")]
    moved = [name for name in asked_by if name not in settings and before.get(name) != now.get(name)]
    named = [*settings, *moved] or list(asked_by)
    return f" (for {', '.join(named)})" if named else ""


def reasons_in(text: str) -> dict[str, tuple[str, ...]]:
    """Package → what it is there for: settings and other packages, as uv wrote it."""
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in text.splitlines():
        if pin := re.match(r"([A-Za-z0-9][\w.-]*)(?:\[.*?\])?==", line):
            name = canonicalize_name(pin[1])
        elif (via := re.match(r" +#(?: via)? +(\S+)$", line)) and name and via[1] != "via":
            found[name] = (*found.get(name, ()), via[1])
    return found


def _rank(name: str) -> tuple[int, str]:
    first: Iterator[int] = (i for i, word in enumerate(_FIRST) if name == word or name.startswith(word + "-cu"))
    return next(first, len(_FIRST)), name
