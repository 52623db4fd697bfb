"""A run over some of the hosts, as values alone: what it leaves to do, and what it says of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from provision.core.finding import Severity
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.limited import limited


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

    def stopped(self) -> Resource | None:
        return Thing(f"no {self.name}")


@dataclass(frozen=True)
class Outcome(Thing):
    outcome: ClassVar[bool] = True


def ray() -> Playbook:
    """As the built-in playbook: head, worker, barrier, server, ranks."""
    book = Playbook()
    for host in "ab":
        book.add(Thing("environment"), on=host)
    head = book.add(Thing("head"), on="a")
    worker = book.add(Thing("worker"), on="b", after=head, follows=head)
    joined = book.add(Outcome("members"), on="a", after=worker, follows=[head, worker])
    server = book.add(Thing("server"), on="a", after=joined, follows=[head, worker])
    for host in "ab":
        book.add(Outcome("ranks"), on=host, after=server, follows=server)
    return book


def mp() -> Playbook:
    book = Playbook()
    for host in "ab":
        book.add(Thing("environment"), on=host)
    ranks = [book.add(Thing("rank"), on=host, together="model") for host in "ab"]
    met = [book.add(Outcome("met"), on=host, follows=ranks) for host in "ab"]
    book.add(Outcome("answers"), on="a", after=met, follows=ranks)
    return book


def look(book: Playbook, *differ: str, only: str = "ab", mode: Mode = Mode.UP) -> tuple[list[str], list[str]]:
    """Keys of what changes, and what is said, where the steps `differ` are not as wanted."""
    seen: dict[str, State] = {
        step.key: None if step.key in differ else {"there": "yes"} for step in book.steps if step.host in only
    }

    def plan_of(observed: Mapping[str, State]) -> Plan:
        return make_plan(mode, book.steps, observed)

    plan, found = limited(plan_of, seen, book.steps, only)
    assert all(finding.severity is Severity.DRIFT and "--limit" in finding.hint for finding in found)
    return [change.step.key for change in plan.changes], [finding.message for finding in found]


def test_without_a_limit_nothing_is_said() -> None:
    assert look(ray(), "b/worker")[1] == []
    assert look(ray(), "b/worker", "a/server", only="b", mode=Mode.DOWN)[1] == []


def test_what_follows_on_a_host_that_was_left_out_is_said() -> None:
    """A worker was killed whole, and the model with it: its ranks come back with the server alone."""
    changed, said = look(ray(), "b/worker", "b/ranks", only="b")
    assert changed == ["b/worker"]
    assert said == [
        "a is left out by `--limit`: ranks on b needs it, and was not changed; "
        "server there must follow what changes elsewhere"
    ]


def test_what_waits_for_a_host_that_was_left_out_is_not_tried() -> None:
    """A head that starts anew, without its workers: the barrier would wait for them in vain."""
    changed, said = look(ray(), "a/environment", "a/head", only="a")
    assert changed == ["a/environment", "a/head"]
    (sentence,) = said
    assert sentence == (
        "b is left out by `--limit`: members on a and server on a need it, and were not changed; "
        "worker there must follow what changes elsewhere"
    )


def test_what_needs_nobody_else_is_done_and_nothing_is_said() -> None:
    assert look(ray(), "b/environment", only="b") == (["b/environment"], [])
    assert look(ray(), only="b") == ([], [])
    changed, said = look(ray(), "a/server", only="a")
    assert (changed, said) == (["a/server", "a/ranks"], [])


@pytest.mark.parametrize("host", ["a", "b"])
def test_those_that_change_together_are_left_alone_where_one_of_them_is_left_out(host: str) -> None:
    changed, said = look(mp(), f"{host}/rank", f"{host}/met", f"{host}/environment", only=host)
    assert changed == [f"{host}/environment"]
    assert len(said) == 1
    assert "and were not changed" in said[0] or "and was not changed" in said[0]
