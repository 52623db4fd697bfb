"""What an environment holds, as its own Python finds it: the names of its packages, and a digest of what was installed.

Run by a Python that somebody else has set up. It imports nothing of what is installed, and writes nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    """Prints its version of Python, the folders of its packages' metadata in one line, and a digest of them."""
    found = sorted(distributions())
    version = "{}.{}.{}".format(*sys.version_info[:3])
    names = "/".join(name for name, _ in found)
    for key, value in (("python", version), ("dist", names), ("records", digest(found, Path(sys.prefix)))):
        sys.stdout.write(f"{key}={value}\n")


def distributions() -> Iterator[tuple[str, Path]]:
    """Name → place, from wherever it imports; of two of one name, the first is imported."""
    seen = set()
    for place in map(Path, filter(None, sys.path)):
        if not place.is_dir():
            continue
        for entry in sorted(place.iterdir()):
            name = entry.name.partition("-")[0].lower()
            if entry.suffix in (".dist-info", ".egg-info") and name not in seen and "\n" not in entry.name:
                seen.add(name)
                yield entry.name, entry


def digest(found: list[tuple[str, Path]], prefix: Path) -> str:
    """Of the lists of files with their hashes that installers write: the same version of another build has another. And
    of the names of conda's packages, which need not be Python's."""
    total = hashlib.sha256()
    for name, place in found:
        total.update(f"{name}\n".encode("utf-8", "surrogateescape"))
        for file in ("RECORD", "direct_url.json"):
            try:
                total.update((place / file).read_bytes())
            except OSError:
                continue
    meta = prefix / "conda-meta"
    names = sorted(file.name for file in meta.iterdir() if file.suffix == ".json") if meta.is_dir() else []
    total.update("\n".join(names).encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:16]
