from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from plan_samples import Thing

from provision.core.errors import PlaybookError
from provision.core.plan import Action, Mode, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import Difference, Resource, State


@dataclass(frozen=True)
class Fact(Thing):
    fixable: ClassVar[bool] = False


@dataclass(frozen=True)
class Keepsake(Thing):
    removable: ClassVar[bool | str] = "purge"


@dataclass(frozen=True)
class Steady(Thing):
    def spares(self, differences: Sequence[Difference]) -> bool:
        return True


def book(*things: tuple[str, Resource]) -> Playbook:
    made = Playbook()
    for host, thing in things:
        made.add(thing, on=host)
    return made


def test_what_is_as_wanted_is_left_alone() -> None:
    steps = book(("a", Thing("x"))).steps
    plan = make_plan(Mode.UP, steps, {"a/thing:x": {"v": "1", "extra": "whatever"}})
    assert plan.empty
    assert [s.key for s in plan.unchanged] == ["a/thing:x"]


def test_absent_is_created_different_is_updated() -> None:
    steps = book(("a", Thing("x")), ("a", Thing("y"))).steps
    plan = make_plan(Mode.UP, steps, {"a/thing:x": None, "a/thing:y": {"v": "0"}})
    assert [c.action for c in plan.changes] == [Action.CREATE, Action.UPDATE]
    assert str(plan.changes[1].differences[0]) == "v 0 → 1"


def test_a_host_that_was_not_looked_at_is_left_out() -> None:
    steps = book(("a", Thing("x")), ("b", Thing("x"))).steps
    plan = make_plan(Mode.UP, steps, {"a/thing:x": None})
    assert [c.step.host for c in plan.changes] == ["a"]


def test_what_follows_a_changed_step_is_changed_with_it() -> None:
    made = Playbook()
    head = made.add(Thing("head"), on="a")
    worker = made.add(Thing("worker"), on="b", follows=head)
    made.add(Thing("model"), on="a", follows=worker)
    seen = {"a/thing:head": None, "b/thing:worker": {"v": "1"}, "a/thing:model": {"v": "1"}}
    plan = make_plan(Mode.UP, made.steps, seen)
    assert [(c.step.resource.id, c.because) for c in plan.changes] == [
        ("thing:head", ""),
        ("thing:worker", "a/thing:head"),
        ("thing:model", "b/thing:worker"),
    ]


def test_what_follows_one_that_goes_on_while_it_is_fixed_is_left_alone() -> None:
    made = Playbook()
    head = made.add(Steady("head"), on="a")
    made.add(Thing("model"), on="a", follows=head)
    plan = make_plan(Mode.UP, made.steps, {"a/thing:head": {"v": "0"}, "a/thing:model": {"v": "1"}})
    assert [c.step.resource.id for c in plan.changes] == ["thing:head"]


def test_what_only_comes_after_a_changed_step_is_not_changed() -> None:
    made = Playbook()
    first = made.add(Thing("x"), on="a")
    made.add(Thing("y"), on="b", after=first)
    plan = make_plan(Mode.UP, made.steps, {"a/thing:x": None, "b/thing:y": {"v": "1"}})
    assert [c.step.host for c in plan.changes] == ["a"]


def test_what_cannot_be_fixed_blocks_up_and_names_the_host() -> None:
    steps = book(("a", Fact("driver", {"driver": ">=580"})), ("a", Thing("x"))).steps
    plan = make_plan(Mode.UP, steps, {"a/thing:driver": {"driver": "535"}, "a/thing:x": None})
    (blocker,) = plan.blockers
    assert blocker.host == "a"
    assert "`535`" in blocker.message
    assert "`>=580`" in blocker.message


def test_nothing_blocks_down() -> None:
    steps = book(("a", Fact("driver", {"driver": ">=580"}))).steps
    assert make_plan(Mode.DOWN, steps, {"a/thing:driver": {"driver": "535"}}).empty


def test_down_removes_in_reverse_and_keeps_what_only_purge_removes() -> None:
    steps = book(("a", Keepsake("env")), ("a", Thing("x")), ("b", Thing("y"))).steps
    seen: dict[str, State] = {"a/thing:env": {"v": "1"}, "a/thing:x": {"v": "1"}, "b/thing:y": {"v": "1"}}
    assert [c.step.resource.id for c in make_plan(Mode.DOWN, steps, seen).changes] == ["thing:y", "thing:x"]
    purged = make_plan(Mode.PURGE, steps, seen).changes
    assert [c.step.resource.id for c in purged] == ["thing:y", "thing:x", "thing:env"]
    assert {c.action for c in purged} == {Action.REMOVE}


def test_down_twice_has_nothing_to_do() -> None:
    steps = book(("a", Thing("x"))).steps
    assert make_plan(Mode.DOWN, steps, {"a/thing:x": None}).empty


def test_two_resources_of_one_id_on_one_host_are_refused() -> None:
    with pytest.raises(PlaybookError, match="thing:x"):
        book(("a", Thing("x")), ("a", Thing("x")))


def test_an_edge_to_a_step_of_another_playbook_is_refused() -> None:
    stranger = Playbook().add(Thing("x"), on="a")
    with pytest.raises(PlaybookError, match="not in the playbook before it"):
        Playbook().add(Thing("y"), on="a", after=stranger)


@pytest.mark.parametrize(
    ("worker", "changed"), [(None, ["thing:worker"]), ({"v": "0"}, ["thing:worker", "thing:model"])]
)
def test_what_joins_restarts_nothing_and_what_restarts_does(worker: State, changed: list[str]) -> None:
    made = Playbook()
    joins = made.add(Thing("worker"), on="b")
    made.add(Thing("model"), on="a", restarts=joins)
    plan = make_plan(Mode.UP, made.steps, {"b/thing:worker": worker, "a/thing:model": {"v": "1"}})
    assert [change.step.resource.id for change in plan.changes] == changed
    assert made.steps[1].after == ("b/thing:worker",)
