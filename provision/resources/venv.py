"""The Python environment of a cluster: a folder named by the lock's digest, holding exactly what the lock says.

It is seen by reading the names of its `*.dist-info` folders, which starts no interpreter; built by uv with
hashes checked; and used through a symlink that is switched at the end, so that yesterday's environment is one
switch away. Several hosts may share one `root` (a home folder over NFS): one builds, the others wait and find it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

from provision.core.finding import Finding, Known
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Upload, Value, environment
from provision.core.values import dataclass
from provision.environment.local_wheels import elsewhere, local_wheels
from provision.environment.lockfile import UNLOCKED, Lock, requirement
from provision.environment.main_packages import main_packages
from provision.environment.python_version import fits
from provision.environment.room import learn_sizes
from provision.environment.sent_python import sent_python
from provision.environment.uv import uv_binary, uv_version_for
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Python
from provision.payload.bundle import bundle, shell
from provision.resources import venv_unfit as unfit
from provision.resources.venv_failed import explained
from provision.resources.venv_kept import lacking, origin, spared
from provision.resources.venv_left import unsent
from provision.resources.venv_planned import foreign, other_packages
from provision.resources.venv_state import DIST, FILES, drift, edited, is_missing, known, read_state

#: Seconds that a build may take: 4 GB from a slow index, then onto a network file system.
BUILD_TIMEOUT = 3600.0

#: Seconds to read some ten GB from a slow disk.
DEEP_TIMEOUT = 1800.0

_LOOKED_AT = ("files/trust.sh", "files/sharing.sh", "venv/python.sh", "venv/imports.sh")
_PROBED = (*_LOOKED_AT, "environment.sh", "venv/index.sh", "venv/probe.sh")
_CHANGED = ("files/trust.sh", "files/rights.sh", "venv/shared.sh")
_BUILT = ("environment.sh", "venv/python.sh", "venv/imports.sh", "venv/sealed.sh", "venv/install.sh", "venv/build.sh")


@dataclass(frozen=True)
class Venv(Resource):
    """The environment of `lock` below `root`, an absolute path on the host, in use by `cluster`.

    `host` keeps what hosts with a shared `root` upload apart. `uv`: path of a usable uv on the host; without
    one the controller's is sent. `cache`: the controller's folder of wheels, default as in
    provision.environment.wheels. `deep`: every file is compared with the hash that was installed. What differs is
    repaired by installing its package again; code that belongs to no package is removed. `reach`: variables with which
    uv reaches an index. `others`: hosts for which it is not removed, if they use the same `root`. `follows`: another
    host that shares `root` comes first, so that nothing is sent unless that has not built it. `free`: bytes
    that are free below `root`, 0 where that is not known. `pythons`: versions of those that the host has, None
    where that is not known. `bring`: version of a Python that is sent, since none fits; `instead`: what else to do.

    Raises on apply: LockError, if wheels cannot be fetched; ScriptFailed, if the host has no fitting Python,
    no space, or cannot reach its index.
    """

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "packages"
    why: ClassVar[str] = "ranks that run different code fail to talk to each other, or silently give wrong answers"

    lock: Lock
    python: Python
    root: PurePosixPath | str
    cluster: str
    host: str = "host"
    uv: str = ""
    cache: Path | None = None
    deep: bool = False
    reach: tuple[tuple[str, Value], ...] = ()
    others: tuple[str, ...] = ()
    follows: bool = False
    free: int = 0
    pythons: tuple[str, ...] | None = None
    bring: str = ""
    instead: str = ""

    @property
    def id(self) -> str:
        return f"environment:{self.cluster}"

    @property
    def label(self) -> str:
        return f"environment {self.lock.short}"

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.root) / "envs" / self.lock.short

    def fact(self, aspect: str) -> str:
        """Of a package its name alone: that is its column in the table of hosts and facts."""
        return aspect or "environment"

    def bin(self, name: str) -> PurePosixPath:
        return self.path / "bin" / name

    def probe(self) -> Script:
        """Reads names and two small files: some milliseconds, also for hundreds of packages. `deep` reads all of it."""
        if self.deep:
            program = bundle("records.look:main")
            return Script(shell(*_PROBED, "venv/deep.sh"), {**self._seen(), "program": program}, timeout=DEEP_TIMEOUT)
        return Script(shell(*_PROBED), self._seen())

    def want(self) -> State:
        """`python` may be `3.11` or a patch version; of what is found, as much must be equal."""
        installed = {DIST + name: version for name, version in self.lock.packages.items()}
        return {"finished": self.lock.digest, "python": self.lock.python, "current": self.lock.short, **installed}

    def read(self, fragment: Fragment) -> State:
        return read_state(fragment.stdout) or None

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        """Foreign packages count: what the lock does not name has to go."""
        if want is None and have is not None and (have.get("kept") or ("current" not in have and "shared" in have)):
            return ()  # another cluster's, by now, or another host's
        if have is None or want is None:
            return super().diff(have, want)
        if have.get("finished") != want["finished"]:
            before = have.get("current", "")
            return (Difference("", want["current"], before if before not in ("", want["current"]) else "unfinished"),)
        found = []
        if "frame" in have and "unread" not in have:
            found.append(Difference("its own files", "as built", have["frame"]))
        elif not fits(have.get("python", ""), want["python"]):
            found.append(Difference("python", want["python"], have.get("python")))
        if have.get("current") != want["current"]:
            found.append(Difference("environment in use", want["current"], have.get("current")))
        drifted = drift(have, want)
        found += [Difference(name, want.get(DIST + name), have.get(DIST + name)) for name in drifted]
        for name in edited(have):
            if name not in drifted:
                hint = "`provision up --deep` installs the package again"
                found.append(Difference(name, "as installed", have[FILES + name], hint))
        if "stray" in have:
            hint = "`provision up --deep` removes it; list it in python.packages if it is needed"
            found.append(Difference("stray code", None, have["stray"], hint))
        # What is missing or changed may be why.
        if "broken" in have and not found:
            found.append(Difference("", "as built", have["broken"]))
        if "unread" in have:
            hint = "`provision up --deep` builds it again"
            found.append(Difference("", "as installed", have["unread"], hint))
        return tuple(found)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        """An index that does not answer, and too little room, as far as sizes are known: where it is to be built."""
        found = have or {}
        if not self.lock.packages or found.get("finished") == self.lock.digest:
            return ()
        if "unreached" in found:
            return (unfit.unreached(self.host, self.area, found),)
        if "pythonless" in found:
            return (unfit.without_python(self.host, self.python, self.pythons or (), found, self.instead),)
        if not self.free or (needed := unfit.room(found, self.lock, self.python, self.cache)).least <= self.free:
            return ()
        return (unfit.too_little_room(self.host, self.area, str(self.root), self.free, needed),)

    def not_known(self, have: State) -> tuple[str, ...]:
        sent = unfit.python_sent(have or {}, self.lock, self.bring, self.pythons or ())
        return sent + unfit.room_not_known(have or {}, self.lock, self.python, self.cache)

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        """Which packages another environment has in other versions than the one in use."""
        want = self.want() or {}
        if have is None or have.get("finished") == want["finished"] or have.get("current") == want["current"]:
            return (*super().in_plan(have, differences), *self.not_known(have))
        if self.lock.digest == UNLOCKED:
            return ("its packages are not known until they are locked",)
        found = other_packages(have, want, self.python.packages)
        return (*super().in_plan(have, found), *self.not_known(have))

    def known(self, have: State) -> tuple[Known, ...]:
        """The environment in use, its Python, and every package in it."""
        return known(have) if have is not None else ()

    def prepare(self, say: Callable[[str], None]) -> None:
        """Fetches what the hosts are to be sent, or learns how large what they fetch is. Raises LockError."""
        if not self.uv:
            uv_binary(self.python, self.cache, base=self._base, say=say)
        if self.bring:
            sent_python(self.bring, self.python, self.cache, say=say, instead=self.instead)
        if self._offline:
            fetch_wheels(self.lock, self.python, self.cache, base=self._base, say=say)
        else:
            learn_sizes(self.lock, self.python, self.cache, self._base)

    def prepared_as(self) -> object:
        return (self.lock, self.python, self.cache, bool(self.uv), self.bring)

    def fix(self, have: State, want: State) -> Script:
        """Builds it whole, repairs some packages in place, switches the link, or removes it all."""
        if want is None:
            return Script(shell(*_CHANGED, "venv/left.sh", "venv/remove.sh"), self._names(), timeout=600)
        mode, names = self._work(have, want)
        variables: dict[str, Value] = {
            **self._seen(),
            "mode": mode,
            "follows": "yes" if self._follows(have or {}, mode) else "",
            "base": (have or {}).get("base", "") if mode == "build" else "",
            "unsent": " ".join(spared(have or {}, self.lock, self.python)) if mode == "build" else "",
            "origin": origin(self.lock, self.python),
            "sweep": "yes" if mode == "repair" and self.deep else "",
            "program": bundle("records.look:main") if mode != "link" else "",
            "mended": " ".join(names) if mode == "repair" else "",
            "frame": "yes" if "frame" in (have or {}) else "",
            "total": len(self.lock.packages),
            "ahead": "",
            "mend": "".join(requirement(self.lock, name) for name in names) if mode == "repair" else "",
            "extra": " ".join(foreign(have or {}, self.want() or {}, self.lock)) if mode == "repair" else "",
            "requirements": self.lock.requirements if mode != "link" else "",
            "found_uv": self.uv,
            "offline": "yes" if self._offline else "",
            "compile": "yes" if self.python.compile else "",
            "torch_backend": self.python.torch_backend or "",
            "links": ",".join(link.replace(",", "%2C") for link in elsewhere(self.python)),
            "default_index": self.python.index or "",
            "more_indexes": " ".join(self.python.extra_indexes),
            "index_strategy": self.python.index_strategy,
        }
        body = shell(*_CHANGED, *_BUILT)
        return Script(body, variables, timeout=BUILD_TIMEOUT, uploads=self._uploads(have, mode, names))

    def ahead(self, have: State) -> bool:
        """Its building. Not where another host builds it; and a look at every file is not taken twice."""
        return bool(self.lock.packages) and not (self.follows or self.deep) and is_missing(have or {}, self.lock)

    def fix_ahead(self, have: State, want: State) -> Script:
        return replace(script := self.fix(have, want), vars={**script.vars, "ahead": "yes"})

    def resumed(self, have: State, failed: Fragment) -> State:
        """With the names of what could not be taken over, and has to be sent."""
        return lacking(have or {}, failed)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return explained(failed.stderr or failed.stdout)

    @property
    def _base(self) -> Path:
        return self.lock.path.parent

    @property
    def _offline(self) -> bool:
        return self.python.wheels == "controller"

    def _names(self) -> dict[str, Value]:
        return {
            "root": str(self.root),
            "short": self.lock.short,
            "digest": self.lock.digest,
            "cluster": self.cluster,
            "tag": f"{self.lock.short}.{self.cluster}.{self.host}",
            "host": self.host,
            "uv_version": uv_version_for(self.python.platform),
        }

    def _seen(self) -> dict[str, Value]:
        """With what tries to import the main packages."""
        mains = " ".join(main_packages(self.lock, self.python))
        return {
            **self._names(),
            **(unfit.questions(self.python, self.pythons) if self.lock.packages else unfit.NOTHING),
            "version": self.python.version,
            **environment(dict(self.reach)),
            "others": " ".join(self.others),
            "imports": bundle("imports:main"),
            "mains": mains,
        }

    def _work(self, have: State, want: Mapping[str, str]) -> tuple[str, list[str]]:
        """("build", "repair" or "link", names of the packages to install)."""
        everything = sorted(self.lock.packages)
        if have is None or have.get("finished") != want["finished"]:
            return "build", everything
        drifted = sorted({*drift(have, want), *edited(have)})
        anew = "unread" in have or ("broken" in have and not drifted and "frame" not in have)
        anew = anew or ("frame" not in have and not fits(have.get("python", ""), want["python"]))
        if not anew and not drifted and "stray" not in have and "frame" not in have:
            return "link", []
        # Beyond that somebody has been at work here: what else they changed is not in the names.
        if anew or len(drifted) > max(5, len(everything) // 4):
            return "rebuild", everything
        return "repair", [name for name in drifted if name in self.lock.packages]

    def _follows(self, have: Mapping[str, str], mode: str) -> bool:
        return self.follows and mode == "build" and "lacking" not in have

    def _uploads(self, have: State, mode: str, names: list[str]) -> tuple[Upload, ...]:
        found = have or {}
        if self._follows(found, mode):
            return ()
        kept = spared(found, self.lock, self.python) if mode == "build" else ()
        names = [name for name in names if name not in kept]
        sources: list[Path] = []
        if mode != "link" and not self.uv and found.get("uv") != "sent":
            sources.append(uv_binary(self.python, self.cache, base=self._base))
        if self.bring and (mode in ("build", "rebuild") or "frame" in found):
            sources += sent_python(self.bring, self.python, self.cache)
        if self._offline and names:
            wheels = fetch_wheels(self.lock, self.python, self.cache, base=self._base)
            sources += [wheels[name] for name in names]
        elif names:
            local = local_wheels(self.lock, self.python, self._base)
            sources += [wheel for name in names for wheel in local.get(name, ())]
        return unsent(sources, found, f"{self.root}/uploads/{self._names()['tag']}")
