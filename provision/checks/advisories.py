"""Published holes of the vLLM and the Ray that are installed, or will be: one finding each, which can be accepted."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from provision.checks.advisories_table import ADVISORIES, Advisory
from provision.checks.programs import PACKAGES, running
from provision.checks.requirements import wanted_by
from provision.cluster.cluster import Cluster
from provision.core.finding import Against, Finding, Severity

#: As people write them.
_NAMES = {"vllm": "vLLM", "ray": "Ray"}


def of_advisories(cluster: Cluster) -> Iterator[Finding]:
    """Those of the locked versions, or of the pinned ones without a lock, once for the cluster; those of another
    version that runs, for its host."""
    wanted = wanted_by(cluster)
    planned = {"vllm": wanted.vllm, "ray": wanted.ray}
    for package, version in planned.items():
        yield from (_finding("", one, version) for one in known_of(package, version))
    for node in cluster.nodes:
        if node.facts is None:
            continue
        for part in PACKAGES:
            package = part.lower()
            runs = {p.version for p in running(node.facts, node, part, cluster.name)} - {"", planned[package]}
            told = {one.id for one in known_of(package, planned[package])}
            for version in sorted(runs):
                found = known_of(package, version)
                yield from (_finding(node.name, one, version) for one in found if one.id not in told)


def known_of(package: str, version: str) -> tuple[Advisory, ...]:
    """Nothing is known of what is no version."""
    try:
        public = Version(Version(version).public)
    except InvalidVersion:
        return ()
    return tuple(
        one
        for one in ADVISORIES
        if one.package == package and SpecifierSet(one.affected).contains(public, prereleases=True)
    )


def _finding(host: str, one: Advisory, version: str) -> Finding:
    name = f"{_NAMES[one.package]} {version}"
    where = f" ({one.only})" if one.only else ""
    return Finding(
        host,
        "packages",
        one.id,
        Severity.WARNING,
        found=name,
        expected=f">={one.fixed}",
        against=Against.SOUND,
        why=f"who gets there {one.what}{where}",
        hint=f"lock `{one.package}>={one.fixed}`, or accept it in the inventory: "
        f"`accept: [{{id: {one.id}, reason: …}}]`",
        evidence=(one.source,),
        said=f"{name} has {one.id}",
        id=one.id,
    )
