"""Packages that import others of the lock while they are built, as flash-attn does torch.

Each is built with the rest of the lock installed, before all is resolved, since without that it may not even say what
it needs. A wheel that was built beside one torch does not load beside another: it is taken again only where what it
requires has the versions that it was built beside.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email.parser import Parser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.environment.building import build_wheel
from provision.environment.built import Say, held, keep
from provision.environment.cache import sha256_of
from provision.environment.lock_text import logical_lines
from provision.environment.requirement_files import lines_for_uv
from provision.environment.resolve import compile_requirements
from provision.inventory.models import Python

#: What compiled code is tied to, whether or not its package says that it requires it.
_TIES = ("numpy", "torch")

#: Bytes of what a wheel says of itself: more is nobody's.
_LONGEST = 1 << 22

_BESIDE = " (without isolation, beside "


def without_isolation(
    python: Python,
    base: Path,
    lock: Path,
    before: Mapping[str, str],
    kept: str,
    more: Sequence[str],
    say: Say | None,
) -> tuple[Python, dict[str, str]]:
    """`python` with the files that came of building what is built without isolation, and wheel's sha256 → what it was
    built from. `kept`, `more`: versions to keep, and options that move some, as of the resolution that follows. Raises
    LockError."""
    names = {canonicalize_name(name) for name in python.no_build_isolation}
    entries = lines_for_uv(python.packages, base)
    lacking = sorted(names - {_name(entry) for entry in entries})
    if lacking:
        raise LockError(
            f"`{lacking[0]}` is named in python.no_build_isolation, and not in python.packages",
            hint=f"name it in python.packages, with its version: `{lacking[0]}==…`",
        )
    if not names or python.build == "never":
        return python, {}
    chosen = [entry for entry in entries if _name(entry) in names]
    rest = tuple(entry for entry in entries if entry not in chosen)
    body = _resolved(python.model_copy(update={"packages": rest}), base, kept, more) if rest else ""
    found, wheels = {}, []
    for entry in chosen:
        wheel = next(_again(entry, before, lock, _pins(body)), None)
        if wheel is None:
            if say:
                say(f"building {entry}")
            wheel = keep(build_wheel(f"{entry}\n", body, python, base))
        found[sha256_of(wheel)] = f"{entry}{_BESIDE}{_beside(wheel, _pins(body))})"
        wheels.append(f"{_name(entry)} @ {wheel.as_uri()}")
    ruling = (*python.constraints, *lines_for_uv(python.packages, base, rules=True))
    return python.model_copy(update={"packages": (*rest, *wheels), "constraints": ruling}), found


def refuse_moved(built: Mapping[str, str], body: str) -> None:
    """A package that was built beside other versions than it is locked with, since it asks for others itself."""
    locked = _pins(body)
    for source in built.values():
        entry, _, others = source.partition(_BESIDE)
        for pin in others.rstrip(")").split():
            name, _, version = pin.partition("==")
            if locked.get(name, version) != version:
                raise LockError(
                    f"`{entry}` was built beside `{pin}`, and asks for {locked[name]}",
                    hint=f"name the version in python.packages: `{name}=={locked[name]}`",
                )


def _again(entry: str, before: Mapping[str, str], lock: Path, rest: Mapping[str, str]) -> Iterator[Path]:
    for digest, source in before.items():
        wheel = held(digest, lock) if source.startswith(f"{entry}{_BESIDE}") else None
        if wheel is not None and source == f"{entry}{_BESIDE}{_beside(wheel, rest)})":
            yield wheel


def _beside(wheel: Path, rest: Mapping[str, str]) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            place = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            with archive.open(place) as file:
                said = Parser().parsestr(file.read(_LONGEST).decode("utf-8", "replace"))
    except (zipfile.BadZipFile, StopIteration, OSError, NotImplementedError):
        raise LockError(f"what was built is no wheel: `{wheel.name}`") from None
    asked = {_name(line) for line in said.get_all("Requires-Dist", [])}
    return " ".join(f"{name}=={rest[name]}" for name in sorted({*asked, *_TIES}) if name in rest)


def _pins(body: str) -> dict[str, str]:
    firsts = (line.split()[0] for _, line in logical_lines(body) if "==" in line.split()[0])
    pairs = (re.sub(r"\[.*?\]", "", first).split("==", 1) for first in firsts)
    return {canonicalize_name(name): version for name, version in pairs}


def _resolved(python: Python, base: Path, kept: str, more: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory(prefix="provision-lock-") as folder:
        made = Path(folder) / "lock.txt"
        made.write_text(kept, encoding="utf-8")
        compile_requirements(python, base, made, *more)
        return made.read_text(encoding="utf-8")


def _name(entry: str) -> str:
    """Empty for a path."""
    try:
        return canonicalize_name(Requirement(entry).name)
    except InvalidRequirement:
        return ""
