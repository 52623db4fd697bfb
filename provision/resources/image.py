"""An image, and the programs that run in it: an environment that nobody builds. `bin/python`, `bin/ray` and `bin/vllm`
are there as in any other, and each starts a container (payload/container/program.sh)."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path, PurePosixPath
from typing import ClassVar

from provision.core.errors import LockError
from provision.core.finding import Finding, Known, Severity
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Upload, Value
from provision.core.values import dataclass
from provision.environment.lockfile import UNLOCKED, Lock
from provision.inventory.runtime import Runtime
from provision.payload.bundle import shell
from provision.resources.container_engine import CDI, ENGINES, ContainerEngine
from provision.resources.image_failed import hint_of, hint_of_kept
from provision.resources.image_room import ROOM, not_known, too_little, without_enough

#: Seconds to load some ten GB onto a slow disk.
LOADING = 3600.0

PROGRAMS = ("python", "ray", "vllm")

#: What every container is run with. Ranks find each other by pid, shared memory and the host's addresses, so these are
#: the host's; no capability is left, and none can be had.
FLAGS = (
    *("--network", "host", "--pid", "host", "--ipc", "host"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "-1"),
    # A daemon may write logs elsewhere: to where these two are unknown, nothing would start, or `docker logs` be empty.
    *("--workdir", "/", "--log-driver", "json-file", "--log-opt", "max-size=32m", "--log-opt", "max-file=2"),
)

#: RDMA registers memory, which must stay where it is.
RDMA = ("--ulimit", "memlock=-1")

#: What is told of an engine that answers, whether or not anything of ours is there.
_OF_THE_ENGINE = frozenset(("version", "storage", "cgroups", "tools"))

#: What a host has to have first, by the beginning of what the probe says where it has not.
_LACKS = {
    "engine=": "{engine} {value}",
    "toolkit=has": f"NVIDIA's container toolkit {{value}}: `{CDI}=…` would name no GPU",
    "toolkit=": "NVIDIA's container toolkit {value}: containers would see no GPU",
}


@dataclass(frozen=True)
class Image(Resource):
    """The image of `lock`, on one host. `archive`: the controller's file that holds it. `folder`: for the programs.
    `mounts`: folders that containers see at their own path, those that are there, `:ro` behind one that is read-only.
    `user`: whom they run as. `names`: of the programs. `plain`: the host's own Python. `gpus`: whether containers have
    the host's."""

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "packages"
    why: ClassVar[str] = "ranks that run different code fail to talk to each other, or silently give wrong answers"

    lock: Lock
    runtime: Runtime
    archive: Path
    root: PurePosixPath | str
    folder: str
    cluster: str
    host: str
    user: str
    plain: str
    mounts: tuple[str, ...] = ()
    gpus: bool = False
    names: tuple[str, ...] = PROGRAMS
    devices: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        return f"environment:{self.cluster}"

    @property
    def label(self) -> str:
        return f"image {self.lock.short}"

    @property
    def path(self) -> str:
        return self.folder

    @property
    def digest(self) -> str:
        return f"sha256:{self.lock.digest}"

    def fact(self, aspect: str) -> str:
        return aspect or "image"

    @property
    def engine(self) -> ContainerEngine:
        return ENGINES[self.runtime.container]

    def flags(self) -> tuple[str, ...]:
        """Of the engine's `run`."""
        found = [*FLAGS, *self.engine.flags, *(self.engine.gpus if self.gpus and not self._named else ())]
        for device in self.devices:
            found += ["--device", device, *RDMA]
        for name, value in self.runtime.args.items():
            for one in value if isinstance(value, tuple) else (value,):
                if one is not False:
                    found += [f"--{name}"] if one is True else [f"--{name}", str(one)]
        return tuple(found)

    @property
    def _named(self) -> bool:
        """Whether the inventory names GPUs as devices of CDI: then they are not asked for twice."""
        device = self.runtime.args.get("device", ())
        return any(str(one).startswith(CDI) for one in (device if isinstance(device, tuple) else (device,)))

    @property
    def version(self) -> str:
        """Of what runs in it: the image, and what containers of it are like. What was started with another is
        restarted."""
        return f"{self.lock.short}, container {hashlib.sha256(self._settings.encode()).hexdigest()[:8]}"

    @property
    def _settings(self) -> str:
        settings = {
            "engine": self.runtime.container,
            "image": self.digest,
            "user": self.user,
            "mounts": "\n".join(self.mounts),
            "flags": shlex.join(self.flags()),
        }
        return "\n".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())

    def program(self) -> str:
        """The text of each of its programs."""
        return "\n".join(("#!/bin/sh", self._settings, shell("container/program.sh")))

    def want(self) -> State:
        return {"image": "loaded", "programs": self._programs}

    def probe(self) -> Script:
        body = shell("files/trust.sh", self.engine.shell, "container/has.sh", "container/probe.sh")
        return Script(body, self._names())

    def read(self, fragment: Fragment) -> State:
        # Docker ends what it prints of an image that is not there with an empty line.
        state = dict(line.partition("=")[::2] for line in fragment.stdout.splitlines() if line)
        state = without_enough(state, self._size, sent=not self.lock.pulled, whole=self.engine.daemon)
        # Whom nothing was put on yet has nothing of ours.
        if not state or (state.keys() <= {*_OF_THE_ENGINE, "image", "another"} and "image" in state):
            return None
        return state if "engine" in state else {**state, "image": "missing" if "image" in state else "loaded"}

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if want is None:
            there = have is not None and bool({"programs", "sent", "former"} & have.keys())
            return (Difference("", None, "present"),) if there else ()
        if have is not None and "engine" in have:
            return ()  # what blocks says why nothing is known of it
        missing = have is None or have.get("image") != "loaded"
        if have is None or (missing and have.keys() <= {*_OF_THE_ENGINE, *ROOM, "image", "another", "former"}):
            return (Difference("", self.lock.short, None),)
        found = []
        if have.get("image") != "loaded":
            other = have.get("another", "").removeprefix("sha256:")[:12]
            said = f"not on the host: another one, {other}, is called {self.lock.name} there" if other else ""
            found.append(Difference("", self.lock.short, said or "not on the host"))
        if have.get("programs") != want["programs"]:
            found.append(Difference("containers' settings", "as wanted", "other" if "programs" in have else None))
        elif "changed" in have:
            found.append(Difference(have["changed"], "as written", "changed"))
        return tuple(found)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        found = []
        for key in ("engine", "toolkit"):
            value = (have or {}).get(key, "")
            if value:
                said, hint = (
                    next(text for start, text in texts.items() if f"{key}={value}".startswith(start))
                    for texts in (_LACKS, self.engine.hints)
                )
                words = {"engine": self.runtime.container, "value": value, "host": self.host}
                why = "Ray and vLLM are to run in containers"
                said, hint = said.format(**words), hint.format(**words)
                found.append(Finding(self.host, "packages", key, Severity.BLOCKS, said=said, why=why, hint=hint))
        words = {"host": self.host, "area": self.area, "engine": self.runtime.container, "root": str(self.root)}
        return (*found, *too_little(have or {}, **words, hint=self.engine.elsewhere.format(host=self.host)))

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        if self.lock.digest == UNLOCKED:
            return ("which image it is is not known until it is locked",)
        return (*super().in_plan(have, differences), *not_known(have or {}, self.runtime.container))

    def known(self, have: State) -> tuple[Known, ...]:
        """What is in it, where it is there: read when it was locked."""
        if have is None or have.get("image") != "loaded":
            return ()
        engine = self.runtime.container
        about = {"image": self.lock.short, engine: have.get("version", "")}
        about |= {f"{engine} {fact}": have.get(fact, "") for fact in ("storage", "cgroups")}
        about |= {"NVIDIA's toolkit": have.get("tools", "")}
        return tuple(Known("packages", fact, value) for fact, value in {**about, **self.lock.packages}.items() if value)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Raises LockError, if the file holds another image than the lock."""
        if self.lock.pulled:
            return
        from provision.environment.image_archive import digest_of

        now = digest_of(self.archive)
        if now != self.lock.digest:
            said = f"`{self.archive.name}` holds the image {now[:12]}, the lock has {self.lock.short}"
            raise LockError(said, hint="`provision lock` takes the one that is there now")

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            body = shell("service/library.sh", self.engine.shell, "container/has.sh", "container/remove.sh")
            # Whether a container could run there plays no part.
            return Script(body, {**self._names(), "gpus": "", "removing": "yes"}, timeout=600)
        sent = bool(self.lock.pulled) or (have is not None and (have.get("image") == "loaded" or self._sent(have)))
        uploads = () if sent else (Upload(self.archive, self._inbox, made=f"{self.root}/uploads"),)
        body = shell("service/library.sh", self.engine.shell, "container/has.sh", "container/make.sh")
        return Script(body, self._names(), timeout=LOADING, uploads=uploads)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        lines = failed.tail()
        if any(" stays: " in line for line in lines):  # it was to be removed
            return lines, hint_of_kept(lines, engine=self.engine, host=self.host, folder=self.folder)
        return lines, hint_of(lines, engine=self.runtime.container, host=self.host, pulled=self.lock.pulled)

    @property
    def _programs(self) -> str:
        return hashlib.sha256(self.program().encode()).hexdigest()[:12]

    @property
    def _inbox(self) -> str:
        # Dots, as that of an environment: names may have dashes.
        return f"{self.root}/uploads/{self.lock.short}.{self.cluster}.{self.host}"

    @property
    def _size(self) -> int:
        """Of the file; 0 where it is not there. What is in it takes no less."""
        return self.archive.stat().st_size if self.archive.is_file() else 0

    def _sent(self, have: Mapping[str, str]) -> bool:
        return self.archive.is_file() and have.get("sent") == str(self.archive.stat().st_size)

    def _names(self) -> dict[str, Value]:
        return {
            "engine": self.runtime.container,
            "image": self.digest,
            "content": self.lock.content,
            "name": self.lock.name,
            "pulled": self.lock.pulled,
            "archive": self.archive.name,
            "inbox": self._inbox,
            "root": str(self.root),
            "folder": self.folder,
            "cluster": self.cluster,
            "host": self.host,
            "gpus": ("cdi" if self._named or self.engine.cdi else "yes") if self.gpus else "",
            "plain": self.plain,
            "names": " ".join(self.names),
            "removing": "",
            "programs": self._programs,
            "text": self.program(),
        }
