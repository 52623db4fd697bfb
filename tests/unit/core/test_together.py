"""Steps that change together: one that differs draws in the others, and all are stopped before any begins anew."""

from dataclasses import dataclass, replace

import pytest
from plan_samples import Thing

from provision.core.plan import Mode, Plan, findings_of, make_plan
from provision.core.playbook import Placed, Playbook
from provision.core.proof import Proof, Shown
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.schedule import Schedule
from provision.engine.stages import stages


@dataclass(frozen=True)
class Rank(Thing):
    def stopped(self) -> Resource | None:
        return Thing(f"{self.name}-stopped")


class Nothing(Proof):
    name = "nothing"
    label = "nothing at all"

    def scripts(self) -> dict[str, Script]:
        return {}

    def read(self, answers: object, failed: object) -> Shown:
        return Shown()


GOOD: State = {"v": "1"}
OTHER: State = {"v": "0"}


def cluster() -> Playbook:
    """An environment and a rank on each of three hosts, and an answer on the first that comes of all ranks."""
    book = Playbook()
    environments = [book.add(Thing("env"), on=host) for host in "abc"]
    ranks = [book.add(Rank("rank"), on=host, after=environments, together="model") for host in "abc"]
    book.add(Thing("answer"), on="a", follows=ranks)
    return book


def plan(mode: Mode = Mode.UP, **seen: State) -> Plan:
    """`seen`: `b_rank=…`; everything else is as wanted."""
    observed = {step.key: GOOD for step in cluster().steps}
    observed |= {f"{key[0]}/thing:{key[2:]}": state for key, state in seen.items()}
    return make_plan(mode, cluster().steps, observed)


def order(found: Plan) -> list[str]:
    """What is changed, wave by wave, each sorted, as far as nothing fails."""
    schedule, waves = Schedule(found), []
    while not schedule.finished:
        stretches = schedule.ready()
        waves.append(" ".join(sorted(c.step.key.replace("thing:", "") for s in stretches for c in s.changes)))
        for stretch in stretches:
            schedule.done(stretch)
    return waves


def test_as_wanted_all_are_left_alone() -> None:
    assert plan().empty


@pytest.mark.parametrize("host", ["a", "b", "c"])
def test_one_that_differs_draws_in_all_others_wherever_it_stands(host: str) -> None:
    found = plan(**{f"{host}_rank": OTHER})
    because = {c.step.host: c.because for c in found.changes if c.step.resource.id == "thing:rank"}
    assert because == {name: "" if name == host else f"{host}/thing:rank" for name in "abc"}
    assert found.changes[-1].step.resource.id == "thing:answer"


def test_only_the_one_that_differs_is_a_finding() -> None:
    assert [f.host for f in findings_of(plan(b_rank=OTHER))] == ["b"]


def test_one_that_follows_a_change_draws_in_the_others_too() -> None:
    book = Playbook()
    first = book.add(Thing("x"), on="c")
    for host in "ab":
        book.add(Rank("rank"), on=host, together="model", follows=first if host == "b" else ())
    seen: dict[str, State] = {step.key: GOOD for step in book.steps}
    found = make_plan(Mode.UP, book.steps, {**seen, "c/thing:x": None})
    because = {c.step.key: c.because for c in found.changes}
    assert because["a/thing:rank"] == "b/thing:rank"
    assert because["b/thing:rank"] == "c/thing:x"


def test_all_are_stopped_before_the_first_begins_anew_and_none_waits_for_another() -> None:
    assert order(plan(b_rank=OTHER)) == [
        "a/rank-stopped b/rank-stopped c/rank-stopped",
        "a/rank b/rank c/rank",
        "a/answer",
    ]


def test_none_is_stopped_before_what_is_proved_before_them() -> None:
    """A proof that fails takes down nothing that serves."""
    found, ranks = plan(b_rank=OTHER, c_env=OTHER), tuple(f"{host}/thing:rank" for host in "abc")
    first, second = stages(found, [Placed(Nothing(), before=ranks)])
    assert [c.step.key for c in first.changes] == ["c/thing:env"]
    assert {c.step.resource.id for c in second.changes} >= {"thing:rank-stopped", "thing:rank"}
    assert (len(first.proofs), len(second.proofs)) == (0, 1)


def test_none_is_stopped_before_all_that_one_of_them_waits_for_is_there() -> None:
    waves = order(plan(b_rank=OTHER, a_env=OTHER, c_env=OTHER))
    assert waves[:2] == ["a/env c/env", "a/rank-stopped b/rank-stopped c/rank-stopped"]


def test_what_is_not_there_need_not_be_stopped() -> None:
    assert order(plan(b_rank=None))[0] == "a/rank-stopped c/rank-stopped"
    assert order(plan(a_rank=None, b_rank=None, c_rank=None, a_answer=None)) == ["a/rank b/rank c/rank", "a/answer"]


def test_nothing_of_an_earlier_start_is_taken_up_again() -> None:
    changes = {c.step.key: c for c in plan(b_rank=OTHER).changes}
    assert {changes[f"{host}/thing:rank"].have is None for host in "abc"} == {True}


def test_one_that_cannot_be_stopped_keeps_all_from_beginning() -> None:
    schedule = Schedule(plan(b_rank=OTHER))
    skipped: set[str] = set()
    for stretch in schedule.ready():
        failed = [stretch.changes[0].step.key] if stretch.host == "c" else []
        skipped |= {change.step.key for change, _ in schedule.done(stretch, failed)}
    assert skipped == {"a/thing:rank", "b/thing:rank", "c/thing:rank", "a/thing:answer"}
    assert schedule.finished


def test_a_host_that_was_not_looked_at_is_not_drawn_in() -> None:
    steps = cluster().steps
    observed = {step.key: GOOD for step in steps if step.host != "c"}
    found = make_plan(Mode.UP, steps, {**observed, "a/thing:rank": OTHER})
    assert {c.step.host for c in found.changes} == {"a", "b"}


def test_down_takes_each_away_once() -> None:
    keys = [c.step.key for c in plan(Mode.DOWN).changes]
    assert len(keys) == len(set(keys)) == 7
    assert not [key for key in keys if "stopped" in key]


def test_without_the_word_steps_have_nothing_to_do_with_each_other() -> None:
    steps = [replace(step, together="", follows=()) for step in cluster().steps]
    observed: dict[str, State] = {step.key: GOOD for step in steps}
    found = make_plan(Mode.UP, steps, {**observed, "b/thing:rank": OTHER})
    assert [c.step.key for c in found.changes] == ["b/thing:rank"]
