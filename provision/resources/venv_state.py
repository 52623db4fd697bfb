"""What an environment's probe prints, as aspects of its state: each package, and what is wrong with its files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from provision.core.finding import Known
from provision.environment.installed import distribution
from provision.environment.lockfile import Lock
from provision.resources.venv_left import sent

DIST = "dist."
FILES = "files."


def read_state(printed: str) -> dict[str, str]:
    state: dict[str, str] = {}
    for line in printed.splitlines():
        key, _, value = line.partition("=")
        if key == "files":
            folder, _, fault = value.partition("/")
            if package := distribution(folder):
                state[FILES + package[0]] = fault
            continue
        if key in ("lost", "barred"):
            package_name, _, file = value.partition("/")
            state[FILES + package_name] = f"{'missing' if key == 'lost' else 'not executable'}: {file}"
            continue
        if key == "sent":
            key, value = sent(value)
        if key != "dist":
            state[key] = value
            continue
        for name, version in filter(None, map(distribution, value.split("/"))):
            # Two versions side by side: a broken installation left the old one's folder behind.
            found = state.get(DIST + name)
            state[DIST + name] = f"{found} and {version}" if found else version
    return state


def drift(have: Mapping[str, str], want: Mapping[str, str]) -> list[str]:
    """Names of packages that are missing, of another version, or not the lock's."""
    keys = {key for key in (*have, *want) if key.startswith(DIST)}
    return sorted(key.removeprefix(DIST) for key in keys if have.get(key) != want.get(key))


def edited(have: Mapping[str, str]) -> list[str]:
    """Names of packages whose files are not as they were installed."""
    return sorted(key.removeprefix(FILES) for key in have if key.startswith(FILES))


def known(have: Mapping[str, str]) -> tuple[Known, ...]:
    about = {"environment": have.get("current", ""), "python": have.get("python", "")}
    # What was just built is known by what was wanted, and that may leave the patch version open.
    cells = [_known(k, v) for k, v in about.items() if v and (k != "python" or v.count(".") == 2)]
    return (*cells, *(_known(k.removeprefix(DIST), v) for k, v in have.items() if k.startswith(DIST)))


@lru_cache(maxsize=4096)  # the same on every host
def _known(fact: str, value: str) -> Known:
    return Known("packages", fact, value)


def is_missing(have: Mapping[str, str], lock: Lock) -> bool:
    """Whether there is no folder of this lock, not even a part of one that something may run from."""
    # A link to it that leads nowhere would have it used as soon as it is there.
    return "there" not in have and have.get("current") != lock.short
