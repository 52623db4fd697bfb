"""What of a change is made while proofs are still under way: a new folder that nothing uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from provision.core.plan import Change
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script
from provision.core.values import dataclass

# Whoever answers for a proof within seconds has the processor first, and so has a model that goes on serving. Not of
# `$$`: that is the shell around all scripts of a batch.
_LAST = """renice -n 19 -p "$(exec sh -c 'echo "$PPID"')" >/dev/null 2>&1 || :"""


@dataclass(frozen=True)
class Ahead(Resource):
    """That part of `whole`, which is then in need of less, or of nothing. It is done when there is nothing left to be
    made so. Whatever fails is told as of the whole."""

    whole: Resource

    @property
    def id(self) -> str:
        return self.whole.id

    @property
    def label(self) -> str:
        return self.whole.label

    def probe(self) -> Script:
        return self.whole.probe()

    def want(self) -> State:
        return self.whole.want()

    def fix(self, have: State, want: State) -> Script:
        script = self.whole.fix_ahead(have, want)
        return replace(script, body=f"{_LAST}\n{script.body}")

    def read(self, fragment: Fragment) -> State:
        return self.whole.read(fragment)

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return self.whole.diff(have, want) if self.whole.ahead(have) else ()

    def prepare(self, say: Callable[[str], None]) -> None:
        self.whole.prepare(say)

    def prepared_as(self) -> object:
        return self.whole.prepared_as()

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return self.whole.explain(failed)

    def resumed(self, have: State, failed: Fragment) -> State:
        state = self.whole.resumed(have, failed)
        return state if state is not None and self.whole.ahead(state) else None


def ahead_of(change: Change) -> Change:
    """The part of it that may be made ahead."""
    step = replace(change.step, resource=Ahead(change.step.resource))
    return replace(change, step=step)


def is_ahead(change: Change) -> bool:
    return isinstance(change.step.resource, Ahead)


def ends_ahead(change: Change) -> bool:
    """Whether it is such a part, and ends wherever it is once it is not needed any more."""
    return isinstance(change.step.resource, Ahead) and change.step.resource.whole.ends_ahead


def rest_of(change: Change, states: Mapping[str, State]) -> Change:
    """What is left of it. `states`: as they were seen once what could be was made ahead."""
    return replace(change, have=states[change.step.key]) if change.step.key in states else change
