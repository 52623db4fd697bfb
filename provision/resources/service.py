"""A long-running process that outlives the SSH session, and is ours from start to end.

Where systemd runs and we are root it is a unit, otherwise a process in its own session (`runtime.py`). Either way:

- Its folder, `<root>/clusters/<cluster>/<host>/<name>/`, is ours alone, and root's where root works. It holds `run`
  (environment and command), `log`, and `stamp`. `begin` writes the stamp before anything else happens: what was wanted,
  the process's pid and start time. So a stamp exists if and only if the process did, whenever the controller dies.
- Restart is drift: the stamp holds every argument and variable, and a plan compares them. Secrets stand beside it
  (service_secrets.py).
- Ownership: everything it starts inherits the variable PROVISION_SERVICE. Stopping ends exactly what carries
  it, by pid, and shows that processes and ports are gone. Ray's own `ray stop` kills by name, whatever the
  owner (ray#60454); that is why it is not used here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from provision.core.finding import Finding, Known
from provision.core.resource import Difference, Interruption, Resource, State
from provision.core.script import Fragment, Script, Value, environment
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.bundle import bundle, shell
from provision.resources.hardening import HARDENING
from provision.resources.planned import condition, in_words, service_lines
from provision.resources.runtime import PLAIN, RUNTIMES, STAYING
from provision.resources.service_secrets import AS_GIVEN, COMPARE, is_secret, secret_aspects, secret_variables
from provision.resources.staying import (
    AGAIN,
    FOREIGN,
    REPAIRED,
    STAYS_UP,
    UNIT_FILES,
    Unit,
    foreign,
    only_foreign,
    repairable,
    staying,
)

#: Work with the rights of another user; it takes `user`, who may be nobody else.
USERS = "users.sh"

#: What all that is done about a service has in common; it takes the variables of a place.
LIBRARY = (USERS, "service/library.sh", *UNIT_FILES)

_PROBE = ("service/boot.sh", "service/probe.sh")

STOP = (*LIBRARY, "signals.sh", "service/scratch.sh", "service/stop.sh")

#: How a shell file says what to do.
_HINT = "hint: "

#: Keys of a stamp that say how the process runs, not what was wanted. Older versions wrote `unit`.
_SEEN = "pid start user runtime unit ready waited running health answers took boot"
OBSERVED = frozenset({*_SEEN.split(), AGAIN, FOREIGN})

#: What the host is asked for, and no stamp remembers.
_UNSTAMPED = OBSERVED | {STAYS_UP}

#: How a service is, as against how it was started: told of the service itself.
_CONDITION = frozenset({"running", "ready", "health", STAYS_UP})

#: What it was started with that is worth remembering beside its flags.
_REMEMBERED = frozenset({"environment", "model"})


@dataclass(frozen=True)
class Place:
    """Where a service lives. `user`: whom it runs as, if not as the one who starts it (needs root).
    `runtime`: what carries it, one of provision.resources.runtime.RUNTIMES. `contained`: its program starts a
    container. `hardened`: its unit is kept from what no service needs (hardening.py), and holds all of its
    processes; otherwise it makes a container by itself."""

    folder: str
    owner_mark: str
    user: str = ""
    runtime: str = PLAIN
    contained: bool = False
    hardened: bool = True

    def variables(self) -> dict[str, Value]:
        """What the shell files of a service know it by."""
        return {
            "dir": self.folder,
            "mark": self.owner_mark,
            "user": self.user,
            "contained": "yes" if self.contained else "",
            "runtime": self.runtime,
            "runtimes": " ".join(RUNTIMES),
            "unit": f"provision-{self.owner_mark.replace('/', '-')}.service",
        }

    def look(self) -> Script:
        """What probes of the service have before them: its stamp, and whether its process lives, looked at once."""
        return Script(shell(*LIBRARY, COMPARE, "service/look.sh"), self.variables())


@dataclass(frozen=True)
class Service(Resource):
    """Subclasses say `command`, `environment` and how it shows that it is ready."""

    area: ClassVar[str] = "services"
    why: ClassVar[str] = "new settings take effect only when the service is restarted"

    #: What it is there for: why it matters that it runs.
    purpose: ClassVar[str] = ""

    #: Whether the model does not answer while it is stopped.
    serves: ClassVar[bool] = False

    place: Place

    @property
    @abstractmethod
    def name(self) -> str:
        """What progress and `check` call it."""

    @property
    def id(self) -> str:
        return f"service:{self.place.owner_mark.rsplit('/', 1)[-1]}"

    @property
    def label(self) -> str:
        return self.name

    def fact(self, aspect: str) -> str:
        return self.label if aspect in _CONDITION else super().fact(aspect)

    def why_of(self, difference: Difference) -> str:
        # Of one that has died no setting has changed.
        return self.purpose if difference.aspect in ("", *_CONDITION) else self.why

    def in_check(self, difference: Difference) -> tuple[str, str]:
        return in_words(difference) or super().in_check(difference)

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """The program and its arguments. Never holds a secret."""

    @abstractmethod
    def environment(self) -> Mapping[str, str | Secret]:
        """All of it: the process inherits nothing."""

    @abstractmethod
    def aspects(self) -> Mapping[str, str]:
        """What the stamp records and a plan compares, in the user's words. Of a secret: AS_GIVEN."""

    @abstractmethod
    def ready(self) -> Script:
        """Ends well once the service does its work. May use $dir, $pid, and the functions of service/library.sh."""

    def started_with(self) -> Mapping[str, str]:
        """Variables of ours that are no aspect of it: what was started without them runs on. With this one, programs
        that write themselves a title leave their environment alone, and the mark in it (py-setproctitle's README)."""
        return {"SPT_NOENV": "1"}

    def compared_secrets(self) -> Mapping[str, Secret]:
        """What of it is secret, by aspect: compared on the host, and never part of the stamp."""
        return secret_aspects(self.environment())

    def health(self) -> Script:
        """Prints `health=ok` while the running service is well; part of the probe."""
        return Script(shell("service/awake.sh"))

    def unit(self) -> Unit:
        """What is particular about its unit, where it is one that stays up."""
        return Unit()

    def ports(self) -> tuple[int, ...]:
        """Ports that must be closed once it is stopped."""
        return ()

    def scratch(self) -> str:
        """A folder outside its own that the service fills, its user's alone and removed with it; empty: none."""
        return ""

    def former_scratch(self) -> str:
        """Where that was in earlier versions; empty: nowhere else."""
        return ""

    def segments(self) -> tuple[str, ...]:
        """Patterns of names below /dev/shm that its programs leave behind when they end."""
        return ()

    def want(self) -> State:
        return {"running": "yes", "ready": "yes", "health": "ok", **staying(self.place.runtime), **self.aspects()}

    def probe(self) -> Script:
        health = self.health()
        body = f'{shell(*_PROBE)}\nif [ -n "$lives" ]; then\n{health.body}\nfi'
        variables = {**self.variables(), **secret_variables(self.compared_secrets()), **health.vars}
        return Script(body, variables, timeout=60, before=self.place.look())

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if want is None and only_foreign(have):
            return ()
        if have is None or want is None:
            return super().diff(have, want)
        if have.get("running") != "yes":
            return (Difference("running", "yes", have.get("running")),)
        differs = super().diff(have, want)
        if "ready" not in have:  # then it is not well either, and that is no news
            found = "waited for in vain" if "waited" in have else have.get(AGAIN, "not ready")
            differs = (Difference("ready", "yes", found), *(d for d in differs if d.aspect not in _CONDITION))
        changed = [d for d in differs if d.aspect in OBSERVED or d.aspect in have]
        known = {d.aspect for d in changed}
        added = [d for d in differs if d.aspect not in known]
        gone = [Difference(key, None, have[key]) for key in have if key not in want and key not in OBSERVED]
        return (*changed, *added, *gone)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        return foreign(self.label, have)

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        return service_lines(differences)

    def spares(self, differences: Sequence[Difference]) -> bool:
        return {d.aspect for d in differences} == {STAYS_UP} and all(d.found in REPAIRED for d in differences)

    def interrupted(self, have: State, differences: Sequence[Difference]) -> Interruption | None:
        if have is None or have.get("running") != "yes" or "ready" not in have or _missing(have, tuple(differences)):
            return None
        took = have.get("took", "")
        return Interruption(self.label, float(took) if took.isdigit() else None, self.serves)

    def known(self, have: State) -> tuple[Known, ...]:
        """How it is, and the flags that it runs with."""
        if have is None:
            return ()
        runs = {k: v for k, v in have.items() if k.startswith("--") or k in _REMEMBERED}
        cells = {self.label: condition(have), **{self.fact(aspect): value for aspect, value in runs.items()}}
        return tuple(Known(self.area, fact, value) for fact, value in cells.items())

    def fix(self, have: State, want: State) -> Script:
        base = self.variables()
        if want is None:
            return Script(shell(*STOP, "service/clear.sh"), {**base, **sending()}, timeout=120)
        ready = self.ready()
        variables = {**base, **sending(), **self._run_variables(want), **ready.vars}
        begin = f"stop || exit 1\n{shell('service/folder.sh', 'service/start.sh')}"
        missing = _missing(have, self.diff(have, want))
        if missing:
            begin = "read_stamp; late=yes"
        wait = "" if missing == {STAYS_UP} else ready.body
        body = (shell(*STOP, COMPARE), begin, wait, "mark_ready", '"${runtime}_ready"')
        return Script("\n".join(body), variables, timeout=120 + ready.timeout)

    def variables(self) -> dict[str, Value]:
        """What every script about the service wants to know."""
        return {
            **self.place.variables(),
            "ports": " ".join(map(str, self.ports())),
            "segments": " ".join(self.segments()),
            "scratch": self.scratch(),
            "former": self.former_scratch(),
        }

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        lines = failed.tail()
        hints = [line.removeprefix(_HINT) for line in lines if line.startswith(_HINT)]
        return tuple(line for line in lines if not line.startswith(_HINT)), "".join(hints[:1])

    def _run_variables(self, want: Mapping[str, str]) -> dict[str, Value]:
        variables: dict[str, Value] = {}
        for index, argument in enumerate(self.command()):
            variables[f"arg_{index}"] = argument
        mark = self.place.owner_mark
        variables |= environment({**self.started_with(), **self.environment(), "PROVISION_SERVICE": mark})
        secrets = self.compared_secrets()
        stamp = "".join(f"{k}={v}\n" for k, v in want.items() if k not in _UNSTAMPED and k not in secrets)
        variables |= secret_variables(secrets)
        return variables | {
            "args": len(self.command()),
            "stamp": stamp,
            "begin": shell("service/boot.sh", "service/begin.sh"),
            "hardening": HARDENING if self.place.hardened else "",
            "kill_mode": "control-group" if self.place.hardened else "process",
            **self._staying(),
        }

    def _staying(self) -> Mapping[str, Value]:
        if self.place.runtime not in STAYING:
            return {"before": ""}
        return self.unit().variables((*STOP, "listener.sh"), self.variables(), self.ready())


def sending() -> dict[str, Value]:
    """With which a script ends processes (payload/signals.sh)."""
    return {"send": shell("send.sh"), "signals": bundle("signals:main")}


def _missing(have: State, differences: tuple[Difference, ...]) -> set[str]:
    """What it lacks, where it runs as wanted and needs no restart: the run that started it was cut off before it was
    ready, or its unit has been tampered with. Empty: it is to be restarted. One that was waited for in vain is, too."""
    aspects = {d.aspect for d in differences}
    if have is None or "waited" in have or (STAYS_UP in aspects and not repairable(have)):
        return set()
    if "ready" in aspects:
        return aspects if aspects <= {"ready", "health", STAYS_UP} else set()
    return aspects if aspects == {STAYS_UP} else set()


def aspects_of(flags: Mapping[str, str], environment: Mapping[str, str | Secret]) -> dict[str, str]:
    """Flags and variables as a state has them. Newlines cannot be part of a stamp's line."""
    seen = dict(flags)
    for name, value in environment.items():
        seen[f"${name}"] = AS_GIVEN if is_secret(value) else str(value)
    return {key: value.replace("\n", "\\n") for key, value in seen.items()}
