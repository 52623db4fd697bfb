"""What is another in one lock than in an other, and because of what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
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
    def python(self) -> str: ...

    @property
    def platform(self) -> str: ...

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


#: Package, or setting, and the name that it asks for → with these words.
Asked = Mapping[tuple[str, str], str]


def changes(old: Packages | None, new: Packages, asked: Asked = MappingProxyType({})) -> tuple[str, ...]:
    """One line for each package that is another, those that matter most first; for a lock that is the first one, what
    it holds."""
    if old is None:
        mains = [
            f"{name} {new.packages[name]}" for name in sorted(new.packages, key=_rank) if _rank(name)[0] < len(_FIRST)
        ]
        count = "1 package" if len(new.packages) == 1 else f"{len(new.packages)} packages"
        return (f"{count}, with {', '.join(mains)}" if mains else count,)
    before, reasons = old.packages, reasons_in(new.text)
    built = header_of(new.text).get("built", "")
    about = (("Python", old.python, new.python), ("platform", old.platform, new.platform))
    found = [f"{what} {was} → {now}" for what, was, now in about if was != now]
    for name in sorted({*before, *new.packages}, key=_rank):
        was, now = before.get(name), new.packages.get(name)
        if was == now:
            gone = set(old.hashes.get(name, ())) - set(new.hashes.get(name, ()))
            anew = any(digest.removeprefix("sha256:") in built for digest in new.hashes.get(name, ()))
            what = "was built anew" if anew else f"{len(gone)} of its files are no longer on the index, or others"
            found += [f"{name} {now}: {what}"] if gone else []
            continue
        why = _why(name, reasons.get(name, ()), before, new.packages, asked) if now else ""
        found.append(f"{name} {was or 'absent'} → {now or 'absent'}{why}")
    return tuple(found)


def _why(name: str, asked_by: tuple[str, ...], before: Mapping[str, str], now: Mapping[str, str], asked: Asked) -> str:
    """Who asks for it, and for what. Those that moved themselves say it alone, since it is because of them."""
    settings = [by for by in asked_by if by.startswith("python.")]
    moved = [by for by in asked_by if by not in settings and before.get(by) != now.get(by)]
    named = [*settings, *moved] or list(asked_by)
    words = ((by, asked.get((by, name), "")) for by in named)
    return f" (for {', '.join(f'{by}: `{word}`' if word else by for by, word in words)})" if named else ""


def asked_by_packages(said: str, locked: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """What uv, as it said, read of requirements: those of the locked versions."""
    found: dict[tuple[str, str], str] = {}
    for by, version, name, words in re.findall(
        r"^DEBUG Adding transitive dependency for ([\w.-]+)==(\S+): ([\w.-]+)(?:\[[^]]*\])?([=<>!~][^{\n]*)$",
        said,
        re.MULTILINE,
    ):
        # What only says that an extra has the version of its package, and a constraint that it repeats.
        if by != name and locked.get(by) == version:
            found.setdefault((by, name), f"{name}{words}")
    return found


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
