"""sha256 for what an index has none of: pages with md5 alone, pages in `find_links` (uv does not take their hashes).

The file is fetched once, here, and from then on it is the one that every host must get. pip checks the hash that the
page has.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from provision.core.errors import LockError
from provision.environment.lock_text import logical_lines
from provision.environment.resolve import decisive
from provision.inventory.models import Python


def with_sha256(body: str, python: Python, base: Path) -> str:
    """A requirements file in which every version has one. Raises LockError."""
    pins = [line.split() for _, line in logical_lines(body)]
    lacking = [first for first, *rest in pins if "==" in first and not any("=sha256:" in word for word in rest)]
    if not lacking:
        return body
    found = _fetched(lacking, python, base)
    for pin in lacking:
        name = canonicalize_name(re.split(r"[\[=]", pin)[0])
        stanza = re.search(rf"^{re.escape(pin)}(?: \\\n +--hash=\S+)*", body, re.MULTILINE)
        if stanza is not None:
            body = f"{body[: stanza.start()]}{pin} \\\n    --hash=sha256:{found[name]}{body[stanza.end() :]}"
    return body


def _fetched(pins: list[str], python: Python, base: Path) -> dict[str, str]:
    """Package → sha256 of its wheel."""
    # It needs the lock that this one makes.
    from provision.environment.wheels import pip_download

    with tempfile.TemporaryDirectory(prefix="provision-lock-") as folder:
        done = pip_download(python, Path(folder), "\n".join(pins) + "\n", base=base)
        if done.returncode:
            raise LockError(
                f"the index has no sha256 of {', '.join(pins)}, and pip could not fetch what it has",
                evidence=decisive(done.stderr),
                hint="put the wheels into a folder that python.find_links names, or choose another index",
            )
        return {
            parse_wheel_filename(wheel.name)[0]: hashlib.sha256(wheel.read_bytes()).hexdigest()
            for wheel in Path(folder).glob("*.whl")
        }
