"""What it means that an environment could not be built, by what uv and the host said."""

from __future__ import annotations

import re

from provision.environment.indexes import INVESTIGATE, REPLACED
from provision.environment.resolve import OTHER_INDEX, decisive

#: What uv says of a file whose hash is another one than the lock's (lower case).
MISMATCH = "hash mismatch"

#: Signs in what a failed build printed (lower case) → what to do.
HINTS = (
    ("not safe: ", "set `root` to a folder that nobody else can write to, in folders of which the same is true"),
    (MISMATCH, INVESTIGATE),
    ("--index-strategy", OTHER_INDEX),
    ("is not on this host", "install that Python on the host, or set python.version to one that every host has"),
    (
        "no inodes are left",
        "delete files on that disk (`df -i` shows how many), or set `root` to a folder on another one",
    ),
    ("no space left", "free some space on the host, or set `root` to a folder on a larger disk"),
    ("disk quota exceeded", "free some space on the host, or set `root` to a folder on a larger disk"),
    ("permission denied", "let the user write to `root` on the host, or set `root` to a folder of its own"),
    (
        "failed to fetch",
        "the host cannot reach the index: set `python.wheels: controller`, and the controller sends them",
    ),
    ("dns error", "the host cannot reach the index: set `python.wheels: controller`, and the controller sends them"),
    ("noexec", "mount it with `exec`, or set `root` to a folder where programs can be run"),
    ("cannot be imported", "install what it wants on the host, or ask for a version in python.packages that fits"),
    ("exec format error", "set python.platform to the hosts' architecture"),
    ("glibc", "set python.platform to the oldest glibc among the hosts, then run `provision lock`"),
)


def explained(printed: str) -> tuple[tuple[str, ...], str]:
    """The lines that decide, and what to do."""
    said = decisive(printed)
    text = printed.lower()  # of a long list of hashes the first lines say what it is
    if MISMATCH in text:
        said = (REPLACED, *said)
    if there := re.search(r"python \S+ is not on this host \(found: (3[\d. ]+)\)", text):
        newest = max((version.split(".")[:2] for version in there[1].split()), key=lambda parts: int(parts[1]))
        return said, f'install that Python on the host, or set `python.version: "{".".join(newest)}"`, which it has'
    return said, next((hint for sign, hint in HINTS if sign in text), "")
