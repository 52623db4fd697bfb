"""The script that runs a program about the weights on a host: what it is to do, it finds in its environment."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Script, Value, environment
from provision.payload.bundle import bundle, shell

#: Programs: what makes a folder sound, and what downloads a model first.
SEAL, DOWNLOAD = "weights.seal:main", "weights.download:main"

#: Seconds for hundreds of gigabytes over a slow line, or from a slow disk.
TIMEOUT = 86400.0

#: Variables of the script (weights/run.sh) that its program reads, in capitals.
_READ = (
    "work", "folder", "manifest", "mark", "models", "cluster", "owner", "ours", "deep", "expected", "about", "repo",
    "revision", "faults",
)  # fmt: skip


def run(program: str, variables: Mapping[str, Value], *, also: Mapping[str, Value], timeout: float = TIMEOUT) -> Script:
    """`also`: further variables for the program's environment, a token among them."""
    given = {**dict.fromkeys(_READ, ""), **variables, **environment(also), "program": bundle(program)}
    return Script(shell("environment.sh", "weights/run.sh"), given, timeout=timeout)
