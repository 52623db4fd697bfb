"""Digests of secrets that anyone can make, as older versions wrote them into the stamp of a service.

Whoever has such a digest can try out secrets at home. They are replaced by what the present version keeps, while the
service goes on: it restarts only if its secret has changed.
"""

from __future__ import annotations

from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY, Service
from provision.resources.service_secrets import COMPARE, secret_variables


@dataclass(frozen=True)
class PlainDigests(Resource):
    """The stamp of `of` holds no plain digest of a secret."""

    removable: ClassVar[bool | str] = False
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "an older version of provision wrote them, and a guess at the secret can be checked with one"

    of: Service

    @property
    def id(self) -> str:
        return f"plain-digests:{self.of.id.partition(':')[2]}"

    @property
    def label(self) -> str:
        return f"plain digests of secrets, {self.of.label}"

    def want(self) -> State:
        return None

    def probe(self) -> Script:
        return Script(shell("service/plain_digests.sh"), before=self.of.place.look())

    def fix(self, have: State, want: State) -> Script:
        variables: dict[str, Value] = {**self.of.variables(), **secret_variables(self.of.compared_secrets())}
        return Script(shell(*LIBRARY, COMPARE, "service/replace_digests.sh"), variables)
