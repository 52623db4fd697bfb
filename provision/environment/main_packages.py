"""What an environment is for: it is finished once these can be imported in it."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.environment.lockfile import Lock
from provision.environment.requirement_files import expanded
from provision.inventory.models import Python

#: Whatever was asked for.
_ALWAYS = ("vllm", "torch", "ray")


def main_packages(lock: Lock, python: Python) -> list[str]:
    """Normalized names, of packages that are locked."""
    return sorted({*map(_name, _asked(lock, python)), *_ALWAYS} & set(lock.packages))


def _asked(lock: Lock, python: Python) -> list[str]:
    try:
        return expanded(python.packages, lock.path.parent)
    except LockError:  # said where the lock is read
        return list(python.packages)


def _name(requirement: str) -> str:
    """Empty for a path."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""
