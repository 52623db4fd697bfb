"""What of the environment in use a new one can be made of, so that it is not sent again: what is of the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from provision.core.script import Fragment
from provision.environment.local_wheels import local_wheels
from provision.environment.lockfile import Lock
from provision.environment.python_version import minor
from provision.inventory.models import Python

#: EX_TEMPFAIL of sysexits.h: it is worth another try.
AGAIN = 75


def origin(lock: Lock, python: Python) -> str:
    """What an environment is made from: what decides which of a version's wheels a host takes, then a line for each
    package, with a digest of the files that will do."""
    lines = [f"{minor(lock.python)} {lock.platform} {python.wheels}", *_lines(lock)]
    return "".join(f"{line}\n" for line in lines)


def _lines(lock: Lock) -> list[str]:
    digests = {name: hashlib.sha256(json.dumps(lock.hashes[name]).encode()).hexdigest() for name in lock.packages}
    return [f"{name} {lock.packages[name]} {digests[name][:16]}" for name in sorted(lock.packages)]


def same(have: Mapping[str, str], lock: Lock, python: Python) -> set[str]:
    """Names of the packages that need not be sent, as far as the probe tells."""
    kind, *held = have.get("held", "").split("/")
    wanted, *lines = origin(lock, python).splitlines()
    if kind != wanted:
        return set()
    return {line.split()[0] for line in set(lines) & set(held)} - set(have.get("lacking", "").split())


def lacking(have: Mapping[str, str], failed: Fragment) -> dict[str, str] | None:
    """`have` with what the build said that it lacks; None where that is not why it failed."""
    said = [(key, value) for key, _, value in (line.partition("=") for line in failed.stdout.splitlines())]
    names = next((value for key, value in said if key == "lacking"), "")
    if failed.rc != AGAIN or not names:
        return None
    sizes = [value.partition(" ")[::2] for key, value in said if key == "sent"]
    # What is `lost` is sent once more.
    arrived = {key: value for key, value in said if key == "uv"}
    return {**have, "lacking": names, **arrived, **{f"sent.{name}": size for size, name in sizes}}


def spared(have: Mapping[str, str], lock: Lock, python: Python) -> list[str]:
    """Names of packages that are not sent, since the environment in use should have them from the same files."""
    held = same(have, lock, python)
    if python.wheels == "controller" or not held:
        return sorted(held)
    return sorted(held & local_wheels(lock, python, lock.path.parent).keys())
