"""What a run has read on this machine, compared once it has the hosts for itself: it may have waited for hours, and
what it had read by then may be another's: an inventory edited, a lock made anew, a secret replaced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from provision.core.errors import PlanChanged
from provision.core.secret import Secret

#: Beside an Ansible inventory, and read with it.
_BESIDE = ("group_vars", "host_vars")


class MadeFrom:
    """`files`, by what is in them now, and `secrets`, which are read at once."""

    def __init__(self, files: Iterable[Path], secrets: Callable[[], Mapping[str, Secret]] = dict[str, Secret]) -> None:
        self._read: dict[Path, str] = {}
        self.files(files)
        self._again = secrets
        self.secrets = dict(secrets())

    def files(self, paths: Iterable[Path]) -> None:
        """These as well."""
        self._read |= {path: digest_of(path) for path in paths}

    def still(self, waited: bool) -> None:
        """Raises PlanChanged; and after a wait, whatever reading the secrets does."""
        names = [f"`{path.name}`" for path, digest in self._read.items() if digest_of(path) != digest]
        # A secret may be told by a program that asks somebody: not twice within a moment.
        if waited and not names:
            now = self._again()
            names = [f"the secret `{name}`" for name, value in self.secrets.items() if now.get(name) != value]
        if names:
            have = "has" if len(names) == 1 else "have"
            message = f"{', '.join(names)} {have} changed since this run began: nothing was changed on any host"
            raise PlanChanged(message, hint="look at `provision plan`, then run it again")


def inventory_files(path: Path) -> list[Path]:
    """The inventory, and what is read with it."""
    beside = [file for folder in _BESIDE for file in sorted((path.parent / folder).rglob("*")) if file.is_file()]
    return [path, *beside]


def digest_of(path: Path) -> str:
    """Empty where nothing can be read, or only once, as from a pipe."""
    try:
        if not path.is_file():
            return ""
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
