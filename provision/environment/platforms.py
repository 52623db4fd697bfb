"""The platforms that uv has a word for: `python.platform` can be no other."""

from __future__ import annotations

import re

#: glibc 2.x of uv's `ARCH-manylinux_2_x` (uv pip compile --python-platform), oldest first.
GLIBC = (17, 28, *range(31, 41))
_ARCHITECTURES = ("x86_64", "aarch64")


def at_least(machine: str, libc: str) -> str:
    """The least demanding platform whose hosts all have this glibc; empty where uv has no word for one."""
    found = re.match(r"2\.(\d+)", libc)
    enough = [known for known in GLIBC if found and known >= int(found[1])]
    return f"{machine}-manylinux_2_{enough[0]}" if enough and machine in _ARCHITECTURES else ""
