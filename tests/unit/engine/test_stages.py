"""Which proofs are due before which changes, as values alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from proof_samples import Shows

from provision.core.errors import UsageError
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook, Step
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.stages import check_skipped, due, stages


@dataclass(frozen=True)
class Thing(Resource):
    name: str

    @property
    def id(self) -> str:
        return self.name

    def want(self) -> State:
        return {"there": "yes"}

    def probe(self) -> Script:
        return Script("")

    def fix(self, have: State, want: State) -> Script:
        return Script("")


class Book:
    """Two hosts, each with an environment, then a node; then a server on the first. The nodes are proved."""

    def __init__(self) -> None:
        self.book = Playbook()
        self.envs = [self.book.add(Thing("env"), on=host) for host in ("a", "b")]
        head = self.book.add(Thing("node"), on="a")
        self.nodes = [head, self.book.add(Thing("node"), on="b", after=head)]
        self.server = self.book.add(Thing("server"), on="a", after=self.nodes)

    def plan(self, *steps: Step, mode: Mode = Mode.UP) -> Plan:
        """In which these are to change; all, if none is named."""
        there: State = {"there": "yes"}
        differ = steps or tuple(self.book.steps)
        return make_plan(
            mode,
            self.book.steps,
            {s.key: there if mode.removes or s not in differ else None for s in self.book.steps},
            [],
        )

    def stages(self, plan: Plan, skip: Sequence[str] = ()) -> list[tuple[list[str], list[str]]]:
        found = stages(plan, self.book.proofs, skip)
        return [([p.name for p in s.proofs], [c.step.key for c in s.changes]) for s in found]


@pytest.fixture
def book() -> Book:
    return Book()


def test_what_a_proof_is_not_for_is_changed_before_it(book: Book) -> None:
    book.book.prove(Shows("sum"), before=book.nodes)
    assert book.stages(book.plan()) == [([], ["a/env", "b/env"]), (["sum"], ["a/node", "b/node", "a/server"])]


def test_a_proof_for_all_comes_before_anything(book: Book) -> None:
    book.book.prove(Shows("network"))
    book.book.prove(Shows("sum"), before=book.nodes)
    found = book.stages(book.plan())
    assert found == [(["network"], ["a/env", "b/env"]), (["sum"], ["a/node", "b/node", "a/server"])]


def test_a_proof_is_due_only_if_what_it_is_for_is_to_change(book: Book) -> None:
    book.book.prove(Shows("network"))
    book.book.prove(Shows("sum"), before=book.nodes)
    assert book.stages(book.plan(book.server)) == [(["network"], ["a/server"])]
    assert [place.proof.name for place in due(book.plan(book.nodes[1]), book.book.proofs)] == ["network", "sum"]


def test_a_proof_that_is_placed_late_for_something_early_still_comes_before_it(book: Book) -> None:
    book.book.prove(Shows("weights"), before=book.server)
    book.book.prove(Shows("sum"), before=book.nodes)
    found = book.stages(book.plan())
    assert found == [([], ["a/env", "b/env"]), (["weights", "sum"], ["a/node", "b/node", "a/server"])]


def test_what_is_skipped_holds_nothing_up(book: Book) -> None:
    book.book.prove(Shows("sum"), before=book.nodes)
    assert book.stages(book.plan(), ["sum"]) == [([], [step.key for step in book.book.steps])]


def test_names_to_skip_are_those_of_the_playbook_and_the_built_in_ones(book: Book) -> None:
    book.book.prove(Shows("sum"), before=book.nodes)
    check_skipped(["sum", "network"], book.book.proofs, ["network", "weights"])
    with pytest.raises(UsageError) as error:
        check_skipped(["sum", "smu"], book.book.proofs, ["network", "weights"])
    assert str(error.value) == "--skip: there is no proof `smu`; did you mean `sum`?"
    assert error.value.hint == "they are sum, network, weights"


def test_nothing_is_proved_where_nothing_changes_or_all_is_removed(book: Book) -> None:
    book.book.prove(Shows("network"))
    nothing = make_plan(Mode.UP, book.book.steps, {step.key: {"there": "yes"} for step in book.book.steps}, [])
    assert due(nothing, book.book.proofs) == []
    ((proofs, changes),) = book.stages(book.plan(mode=Mode.DOWN))
    assert (proofs, len(changes)) == ([], len(book.book.steps))


def test_a_proof_may_come_after_some_steps_and_before_all_others() -> None:
    book = Playbook()
    closed = [book.add(Thing("firewall"), on=host) for host in "ab"]
    for host in "ab":
        book.add(Thing("env"), on=host)
    book.prove(Shows("network"), after=closed)
    everything = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps})
    found = [([p.name for p in s.proofs], [c.step.key for c in s.changes]) for s in stages(everything, book.proofs)]
    assert found == [([], ["a/firewall", "b/firewall"]), (["network"], ["a/env", "b/env"])]
    there: dict[str, State] = {step.key: {"there": "yes"} for step in book.steps if step not in closed}
    alone = make_plan(Mode.UP, book.steps, {**there, **{step.key: None for step in closed}})
    assert due(alone, book.proofs) == []
