"""A resource of one value, to make plans of."""

from dataclasses import dataclass, field

from provision.core.resource import Resource, State
from provision.core.script import Script


@dataclass(frozen=True)
class Thing(Resource):
    name: str
    wanted: State = field(default_factory=lambda: {"v": "1"}, hash=False)

    @property
    def id(self) -> str:
        return f"thing:{self.name}"

    def probe(self) -> Script:
        return Script(":")

    def want(self) -> State:
        return self.wanted

    def fix(self, have: State, want: State) -> Script:
        return Script(":")
