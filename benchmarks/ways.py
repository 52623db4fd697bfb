"""The ways that are compared: the lower bound, provision as a command and as a library, other tools if installed."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks import bound
from benchmarks.measuring import Failed, Way
from benchmarks.rack import Rack

#: What everything of the same kind is divided by.
BOUND, BOUND_INSIDE = "one script, paramiko", "one script, paramiko, in process"
CHECK, UP = "provision check", "provision up, no change"
CHECK_INSIDE, UP_INSIDE = "provision check, in process", "provision up, in process"

#: way → the bound that does the same without provision: starting Python and importing counts on both sides.
COMPARED = {CHECK: BOUND, UP: BOUND, CHECK_INSIDE: BOUND_INSIDE, UP_INSIDE: BOUND_INSIDE}

SOURCES = Path(__file__).parent.parent
PATHS = os.pathsep.join(filter(None, (str(SOURCES), os.environ.get("PYTHONPATH"))))


@contextlib.contextmanager
def provisioned(rack: Rack) -> Iterator[list[Way]]:
    """Brings the rack up with provision itself and hands out the ways; takes it down in the end."""
    # The command as it is installed: sources on the path would take its place, and may not be compiled.
    env = {**os.environ, "PROVISION_STATE_DIR": str(rack.folder / "state")}
    program = Path(sys.executable).parent / "provision"
    run = [program] if program.exists() else [sys.executable, "-c", "from provision.cli import main; main()"]

    def provision(name: str, *words: str) -> Way:
        return Way.of(name, [*run, words[0], rack.inventory, *words[1:]], cwd=rack.folder, env=env)

    try:
        # Proving the network asks each host a second of its processor, which the hosts here share.
        provision("up", "up", "--skip", "network").once()
        yield [*_bounds(rack, env), provision(CHECK, "check"), provision(UP, "up"), *_library(rack)]
    finally:
        provision("down", "down", "--purge").once()


def _bounds(rack: Rack, env: dict[str, str]) -> list[Way]:
    from provision.environment.lockfile import parse_lock

    path = rack.inventory.with_suffix(".lock")
    lock = parse_lock(path.read_text(), path)
    spec = rack.spec(lock.digest, lock.short)
    file = rack.folder / "bound.json"
    file.write_text(json.dumps(spec))

    def inside() -> float:
        if bad := bound.complaints(spec, bound.over_paramiko(spec)):
            raise Failed(f"not as they should be: {' '.join(bad)}")
        return 0.0

    def outside(name: str, how: str) -> Way:
        argv = [sys.executable, "-m", "benchmarks.bound", how, file]
        return Way.of(name, argv, cwd=rack.folder, env={**env, "PYTHONPATH": PATHS})

    return [
        outside(BOUND, "paramiko"),
        outside("one script, OpenSSH", "openssh"),
        Way(BOUND_INSIDE, inside),
    ]


def _library(rack: Rack) -> list[Way]:
    import provision as library

    os.environ["PROVISION_STATE_DIR"] = str(rack.folder / "state")

    def inside(word: str) -> float:
        report = getattr(library, word)(library.load(rack.inventory), cancel=threading.Event())
        if report.exit_code or report.plan.changes or len(report.hosts) != rack.count:
            why = [str(d) for change in report.plan.changes[:1] for d in change.differences]
            raise Failed(f"{word}: exit code {report.exit_code}, changes such as {why}, errors {report.errors}")
        return 0.0

    return [
        Way(CHECK_INSIDE, lambda: inside("check")),
        Way(UP_INSIDE, lambda: inside("up")),
    ]
