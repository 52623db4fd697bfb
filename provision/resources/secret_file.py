"""A file that holds one secret, readable by its owner alone.

The value reaches the host on standard input, inside the script's variables. The host compares it with the file, and
says `as given` or `another`: no plan, log or snapshot ever holds more, not even a digest.
"""

from __future__ import annotations

from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.resources.service_secrets import AS_GIVEN
from provision.resources.text_file import file_script, in_its_place


@dataclass(frozen=True)
class SecretFile(Resource):
    """`path` holds `secret` and nothing else, mode 0600, owned by `owner` where that is given (needs root).

    Raises on apply: NotConverged, if another process rewrites the file meanwhile.
    """

    why: ClassVar[str] = "with different secrets the nodes reject each other; a secret that others can read is none"

    path: str
    secret: Secret
    owner: str = ""

    @property
    def id(self) -> str:
        return f"secret-file:{self.path}"

    @property
    def label(self) -> str:
        return f"secret {self.secret.name}"

    def want(self) -> State:
        owner = {"owner": self.owner} if self.owner else {}
        return {"content": AS_GIVEN, "mode": "600", **owner}

    def probe(self) -> Script:
        return file_script("secret", self.path, self.owner, text=self.secret)

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return file_script("remove", self.path, self.owner)
        return file_script("write", self.path, self.owner, text=self.secret, mode="600")

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return in_its_place(failed)
