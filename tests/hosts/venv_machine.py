"""A host with environments, by their resource: looked at, made and removed without a run of the library."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from provision.core.resource import Difference, State
from provision.core.script import Fragment
from provision.resources.venv import Venv
from provision.transport import Session


@dataclass
class Machine:
    """One host and the folder that its environments live in."""

    session: Session
    root: Path
    #: Names of the packages that the last fix asked for, since they could not be taken over.
    resent: list[str] = field(default_factory=list)

    def see(self, venv: Venv) -> State:
        (fragment,) = self.session.run([venv.probe()])
        assert fragment.ok, fragment.stderr
        return venv.read(fragment)

    def differences(self, venv: Venv) -> tuple[Difference, ...]:
        return venv.diff(self.see(venv), venv.want())

    def told(self, venv: Venv) -> list[str]:
        return [str(difference) for difference in self.differences(venv)]

    def try_fix(self, venv: Venv, want: State) -> Fragment:
        """As the engine does it, with the second try."""
        venv.prepare(lambda text: None)
        have, self.resent = self.see(venv), []
        done = self._once(venv, have, want)
        known = None if done.ok else venv.resumed(have, done)
        if known is None:
            return done
        self.resent = sorted(known["lacking"].split())
        return self._once(venv, known, want)

    def _once(self, venv: Venv, have: State, want: State) -> Fragment:
        fix = venv.fix(have, want)
        if fix.uploads:
            self.session.send(fix.uploads)
        return self.session.run([fix])[0]

    def apply(self, venv: Venv) -> Fragment:
        fragment = self.try_fix(venv, venv.want())
        assert fragment.ok, fragment.stderr
        assert self.differences(venv) == ()
        return fragment

    def remove(self, venv: Venv) -> None:
        fragment = self.try_fix(venv, None)
        assert fragment.ok, fragment.stderr
        assert venv.diff(self.see(venv), None) == ()


def run_in(venv: Venv, code: str) -> str:
    return subprocess.run([venv.bin("python"), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def site(venv: Venv) -> Path:
    return next(Path(venv.path, "lib").glob("python3*/site-packages"))
