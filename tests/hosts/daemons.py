"""A service small enough for tests, that does what Ray does: start children in sessions of their own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provision.core.script import Script
from provision.core.secret import Secret
from provision.resources.service import Service, aspects_of

#: Part of the mark of all that tests start: others that run on this machine beside them share its processes.
CLUSTER = f"here{os.getpid()}"

#: Writes who it is beside its program, starts a child in a session of its own, as Ray's daemons are, and stays.
PROGRAM = """
echo "began with $*"
setsid sh -c 'trap "" HUP $3; echo $$ > "$1/$2.child"; while :; do sleep 0.2; done' sh "$HERE" "$1" "$STUBBORN" &
echo $$ > "$HERE/$1.main"
while :; do sleep 0.2; done
"""


@dataclass(frozen=True)
class Daemon(Service):
    """Runs PROGRAM in `here`; ready once there is a file `go` in it, where it is told to `wait`. `fills`: its
    scratch folder."""

    here: Path
    words: tuple[str, ...] = ("one",)
    env: Mapping[str, str | Secret] = field(default_factory=dict, hash=False)
    wait: bool = False
    fills: str = ""

    @property
    def name(self) -> str:
        return "daemon"

    @property
    def host(self) -> str:
        return self.place.owner_mark.split("/")[1]

    def command(self) -> tuple[str, ...]:
        return ("/bin/sh", str(self.here / "program"), self.host, *self.words)

    def environment(self) -> Mapping[str, str | Secret]:
        return {"PATH": os.defpath, "HERE": str(self.here), **self.env}

    def aspects(self) -> Mapping[str, str]:
        return aspects_of({"--words": " ".join(self.words)}, self.environment())

    def ready(self) -> Script:
        needed = "go" if self.wait else f"{self.host}.child"
        body = 'until [ -f "$needed" ]; do alive || gave_up "it ended"; echo "::progress waiting"; sleep 0.1; done'
        return Script(body, {"needed": str(self.here / needed)})

    def scratch(self) -> str:
        return self.fills

    def pid(self, kind: str = "main") -> int:
        return int((self.here / f"{self.host}.{kind}").read_text())
