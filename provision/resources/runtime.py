"""What carries a service on a host: each is a file of shell, and a line of this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provision.facts import Facts

#: Name → whether a host can have it; the first that can be had carries the host's services. What it does is in
#: payload/service/runtime/<name>.sh.
RUNTIMES: Mapping[str, Callable[[Facts], bool]] = {
    "kept": lambda facts: facts.systemd and (facts.uid == 0 or facts.lingers),
    "systemd": lambda facts: facts.systemd and facts.uid == 0,
    "session": lambda _: True,
}

#: Those that start a service again by themselves.
STAYING = frozenset({"kept"})

#: What a host has of which nothing is known.
PLAIN = "session"

#: The files of all runtimes, below the payload.
RUNTIME_FILES = tuple(f"service/runtime/{name}.sh" for name in RUNTIMES)


def runtime_of(facts: Facts | None, *, stay_up: bool = True) -> str:
    """The name of what carries the services of a host. `stay_up`: they are to be started again by themselves."""
    if facts is None:
        return PLAIN
    return next(name for name, fits in RUNTIMES.items() if fits(facts) and (stay_up or name not in STAYING))
