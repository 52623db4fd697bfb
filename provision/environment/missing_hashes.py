"""Hashes that the index does not name, and those that somebody else has named.

sha256 for what an index has none of: pages with md5 alone, pages in `find_links` (uv does not take their hashes).

The file is fetched once, here, and from then on it is the one that every host must get. pip checks the hash that the
page has. Where a file of requirements or a project's lock says which files a version has, no other is locked.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name, canonicalize_version, parse_wheel_filename

from provision.core.errors import LockError
from provision.environment.indexes import INVESTIGATE, REPLACED
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


def only_promised(body: str, promised: Mapping[tuple[str, str], frozenset[str]], but: Iterable[str] = ()) -> str:
    """A requirements file whose versions have no other hashes than the promised ones. `but`: what was built, from files
    with the promised hashes. Raises LockError."""
    # `1.0` may be written `1`.
    named: dict[tuple[str, str], frozenset[str]] = {}
    for (name, version), hashes in promised.items():
        key = name, canonicalize_version(version)
        named[key] = named.get(key, frozenset()) | hashes
    built = {re.split(r"[\s\[=@]", source)[0] for source in but}
    kept: list[str] = []
    for stanza in re.split(r"(?m)^(?=[^\s#])", body):
        pin = re.match(r"([\w.-]+)(?:\[.*?\])?==([^\s\\]+)", stanza)
        key = (canonicalize_name(pin[1]), canonicalize_version(pin[2])) if pin else ("", "")
        allowed = named.get(key) if pin and pin[1] not in built else None
        found = re.findall(r"--hash=(sha256:\S+)", stanza)
        if pin and allowed and found:
            chosen = [digest for digest in found if digest in allowed]
            if not chosen:
                raise LockError(
                    f"the files of `{pin[1]}` {pin[2]} were {REPLACED}",
                    evidence=(f"expected {' or '.join(sorted(allowed))}", f"found {' or '.join(found)}"),
                    hint=INVESTIGATE,
                )
            comments = "".join(re.findall(r"(?m)^ +#.*\n", stanza))
            stanza = " \\\n    --hash=".join([stanza.split(" ", 1)[0], *chosen]) + f"\n{comments}"
        kept.append(stanza)
    return "".join(kept)


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
