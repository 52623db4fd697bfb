"""Pure: what is told of the packages of an environment that is to be another one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

from provision.core.resource import Difference
from provision.environment.lockfile import Lock
from provision.environment.python_version import fits
from provision.resources.venv_state import DIST, drift


def other_packages(have: Mapping[str, str], want: Mapping[str, str], packages: Sequence[str]) -> tuple[Difference, ...]:
    """Python, and each package of another version. `packages`: what the inventory asks for, which comes first: that is
    what somebody has changed."""
    asked = {canonicalize_name(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in packages}
    names = sorted(drift(have, want), key=lambda name: (name not in asked, name))
    shown = [Difference(n, want.get(DIST + n), have.get(DIST + n)) for n in names]
    python = (Difference("python", want["python"], have.get("python")),)
    return (*(() if fits(have.get("python", ""), want["python"]) else python), *shown)


def foreign(have: Mapping[str, str], want: Mapping[str, str], lock: Lock) -> list[str]:
    """Names of the packages that the lock does not have."""
    return [name for name in drift(have, want) if name not in lock.packages]
