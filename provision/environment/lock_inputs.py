"""What of an inventory decides its lock, and what of that an old lock does not hold."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.core.urls import bare, masked
from provision.environment.ambient import ambient
from provision.environment.indexes import from_here
from provision.environment.lock_text import header_of
from provision.environment.requirement_files import expanded, written
from provision.inventory.models import Python

#: The input that is the machine's and not the inventory's: it counted, and makes no lock stale elsewhere.
HERE = "here"


def refuse(python: Python, base: Path) -> None:
    if python.existing:
        said = f"the hosts have `python.existing` {python.existing}: there is nothing to lock"
        raise LockError(said, hint="for packages that are locked, name them in `python.packages` instead")
    if not python.packages:
        raise LockError("python.packages is empty: there is nothing to lock", hint="name at least one package")
    if python.torch_backend == "auto":
        raise LockError(
            "python.torch_backend `auto` would look for a GPU on this machine, not on the hosts",
            hint="name the backend, such as `cu130` or `cpu`",
        )
    if not expanded(python.packages, base):
        files = ", ".join(f"`{item}`" for item in python.packages)
        raise LockError(f"{files}: no package is named there", hint="name at least one package")
    for line in written((*python.packages, *python.constraints, *python.overrides), base):
        if masked(line) != line:
            raise LockError(
                f"the requirement `{line}` holds a password, which git and others would show in their arguments",
                hint="leave it out, and put it into ~/.netrc: `machine example.org login me password …`",
            )


def recorded_inputs(text: str) -> dict[str, str]:
    """What `inputs_of` was when a lock was made."""
    return dict(part.partition("=")[::2] for part in header_of(text).get("inputs", "").split())


def inputs_of(python: Python, base: Path) -> dict[str, str]:
    """Digests of what counts, by setting. Passwords do not: a new one changes nothing, and the lock holds no digest."""
    values: dict[str, Sequence[str]] = {
        "version": [python.version],
        "platform": [python.platform],
        "packages": sorted(written(python.packages, base)),
        "index": [_shown(python.index or "")],
        # The first word: so that a lock of when they came first is made anew.
        "extra_indexes": ["after the main one", *map(_shown, python.extra_indexes)] if python.extra_indexes else [],
        "find_links": [*map(_shown, python.find_links)],
        "constraints": written(python.constraints, base),
        "overrides": written(python.overrides, base),
        "torch_backend": [python.torch_backend or ""],
        "wheels": [python.wheels],
        # What has its default is left out: locks from before this setting go on to fit.
        **({"index_strategy": [python.index_strategy]} if python.index_strategy != "first-index" else {}),
        **({"prereleases": [python.prereleases]} if python.prereleases != "if-necessary-or-explicit" else {}),
    }
    values |= {
        name: value for name in ("build", "no_build_isolation", "build_packages") if (value := _building(python, name))
    }
    here = [_shown(value) for found in from_here(python, ambient()).values() for value in found]
    values |= {HERE: here} if here else {}
    return {name: hashlib.sha256(json.dumps(list(value)).encode()).hexdigest()[:8] for name, value in values.items()}


def _building(python: Python, name: str) -> Sequence[str]:
    """Nothing for what has its default, as above."""
    if name == "build":
        return [python.build] if python.build != "never" else []
    return python.no_build_isolation if name == "no_build_isolation" else python.build_packages


def left_here(python: Python) -> tuple[str, ...]:
    """What hosts do not get, though it counted: how this machine is set up."""
    found = from_here(python, ambient())
    if not found or python.wheels == "controller":
        return ()
    return (
        f"{' and '.join(found)} of pip's settings on this machine counted, and hosts do not have them: name them in "
        "the inventory, or set `python.wheels: controller`",
    )


def _shown(url: str) -> str:
    return masked(bare(url))


def unmet(packages: Mapping[str, str], python: Python, base: Path) -> list[str]:
    """What the inventory asks for and an old lock does not hold, as far as the two can be compared by name."""
    ruling = list(_requirements(written(python.overrides, base)))
    overridden = {canonicalize_name(asked.name) for asked in ruling}
    others = _requirements([*expanded(python.packages, base), *written(python.constraints, base)])
    found = []
    for asked in (*(o for o in others if canonicalize_name(o.name) not in overridden), *ruling):
        name = canonicalize_name(asked.name)
        locked = packages.get(name)
        if locked is not None and not asked.specifier.contains(locked, prereleases=True):
            found.append(f"{name} {locked} in the lock, {name}{asked.specifier} in the inventory")
    return list(dict.fromkeys(found))


def _requirements(lines: Sequence[str]) -> Iterator[Requirement]:
    """Those that hold everywhere: not what is for some platforms alone, nor paths, nor options of pip's."""
    for line in lines:
        try:
            asked = Requirement(re.split(r" #| --hash=", line)[0])
        except InvalidRequirement:
            continue
        if asked.marker is None:
            yield asked
