"""Which hosts have what others lack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from provision.cluster.relaying import RelayHost
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Step
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.core.spread import Offer
from provision.core.values import dataclass
from provision.engine.offers import Offers, served
from provision.render.plan import plan_lines

A, B = Path("/here/a"), Path("/here/b")


@dataclass(frozen=True)
class Model(Resource):
    """Two files of the controller's, or what a hub has."""

    key: str = "m"
    files: tuple[Path, ...] = (A, B)

    @property
    def id(self) -> str:
        return "model"

    def probe(self) -> Script:
        return Script("")

    def want(self) -> State:
        return {"there": "yes"}

    def fix(self, have: State, want: State) -> Script:
        return Script("")

    def offer(self) -> Offer:
        return Offer((self.key,), "large files", "/models", "", {path: path.name for path in self.files})


def carriers(*names: str, python: str = "/usr/bin/python3") -> Mapping[str, RelayHost]:
    return {name: RelayHost("192.0.2.1", (1,), python) for name in names}


ONE, TWO, THREE = (Step(name, Model()) for name in ("one", "two", "three"))


def test_who_has_all_of_the_files_serves_them() -> None:
    part = Step("four", Model(files=(A,)))
    offers = Offers([ONE, part], carriers("one", "four"))
    assert [host for host, _ in offers.holding([A])] == ["one", "four"]
    assert [host for host, _ in offers.holding([B, A])] == ["one"]
    assert offers.of(("m",)) == [ONE, part] and offers.of(("other",)) == []


def test_who_cannot_carry_serves_nobody() -> None:
    assert Offers([ONE], carriers("two")).holding([A]) == []
    assert Offers([ONE], carriers("one", python="")).holding([A]) == []
    hub = Step("one", Model(files=()))
    assert Offers([hub], carriers("one", python="")).of(("m",)) == [hub]


def test_a_plan_says_from_whom_it_comes() -> None:
    observed = {ONE.key: {"there": "yes"}, TWO.key: None, THREE.key: {"there": "in part"}}
    plan = make_plan(Mode.UP, [ONE, TWO, THREE], observed)
    found = served(plan, carriers("one", "two", "three"))
    assert found == {TWO.key: "large files from one", THREE.key: "large files from one"}
    said = plan_lines(plan.__class__(plan.mode, plan.changes, (), plan.unchanged, served=found))
    assert said == [
        "+ two    model  large files from one",
        "~ three  model  there in part → yes",
        "                large files from one",
    ]


@pytest.mark.parametrize("able", [(), ("two",), ("one",)])
def test_a_plan_says_nothing_where_hosts_have_nothing_from_each_other(able: tuple[str, ...]) -> None:
    plan = make_plan(Mode.UP, [ONE, TWO], {ONE.key: {"there": "yes"}, TWO.key: None})
    assert served(plan, carriers(*able)) == {}


def test_what_is_removed_comes_from_nobody() -> None:
    plan = make_plan(Mode.DOWN, [ONE, TWO], {ONE.key: None, TWO.key: {"there": "yes"}})
    assert plan.changes and served(plan, carriers("one", "two")) == {}
