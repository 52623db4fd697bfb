"""What is installed in an environment, by the names of the folders that installers leave there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from packaging.utils import canonicalize_name

from provision.core.values import dataclass
from provision.environment.lockfile import Lock


@lru_cache(maxsize=4096)  # the same on every host
def distribution(folder: str) -> tuple[str, str] | None:
    """`Flask_Login-0.6.3.dist-info` → (`flask-login`, `0.6.3`); None for a pattern that matched nothing."""
    stem, _, kind = folder.rpartition(".")
    name, _, version = stem.partition("-")
    if kind not in ("dist-info", "egg-info") or name in ("", "*"):
        return None
    return canonicalize_name(name), version.partition("-py")[0] if kind == "egg-info" else version


@dataclass(frozen=True)
class Listing:
    """What payload/listing.py prints. `packages`: normalized name → version. `records`: a digest of what was installed,
    which two builds of one version do not share."""

    python: str
    packages: Mapping[str, str]
    records: str

    @property
    def digest(self) -> str:
        content = json.dumps([self.python, sorted(self.packages.items()), self.records])
        return hashlib.sha256(content.encode()).hexdigest()

    def as_lock(self, path: Path, platform: str) -> Lock:
        """As the lock that would have made it, without hashes: nothing is installed from it."""
        return Lock(path, "", self.python, platform, self.packages, {}, self.digest)


def read_listing(printed: str, prefix: str = "") -> Listing | None:
    """None where it was not printed. `prefix`: of its lines."""
    lines = [line.removeprefix(prefix) for line in printed.splitlines() if line.startswith(prefix)]
    said = dict(line.partition("=")[::2] for line in reversed(lines) if "=" in line)
    if not said.get("python") or "records" not in said:
        return None
    packages = dict(filter(None, map(distribution, said.get("dist", "").split("/"))))
    return Listing(said["python"], packages, said["records"])
