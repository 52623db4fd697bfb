from dataclasses import dataclass

from render_samples import Thing, a_plan

from provision.core.finding import blocker as a_blocker
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import Interruption, State
from provision.render.plan import MERGE_FROM, plan_lines, question_lines, totals
from provision.resources.still_running import StillRunning


def test_a_plan_shows_what_changes_from_what_to_what_and_because_of_what() -> None:
    assert plan_lines(a_plan()) == [
        "+ gpu-01  environment 3f9c",
        "~ gpu-01  vllm              --max-model-len 4096 → 8192",
        "                            because environment 3f9c on gpu-01 changes",
        "~ gpu-02  vllm              --max-model-len 4096 → 8192",
    ]
    assert totals(a_plan()) == "3 changes on 2 hosts"


def test_what_goes_is_marked_with_a_minus() -> None:
    lines = plan_lines(a_plan(Mode.DOWN))
    assert lines[0] == "- gpu-03  vllm"
    assert all(line.startswith("- ") for line in lines)


def test_what_stands_in_the_way_comes_last_with_its_hint() -> None:
    blocker = a_blocker(
        "gpu-02", "driver is `535`, the inventory expects `>=580`", ("nvidia-smi says so",), "update it"
    )
    assert plan_lines(make_plan(Mode.UP, [], {}, [blocker])) == [
        "! gpu-02: driver is `535`, the inventory expects `>=580`",
        "    nvidia-smi says so",
        "  hint: update it",
    ]


def test_the_same_in_the_way_of_several_hosts_is_told_once() -> None:
    hosts = ("gpu-01", "gpu-02", "gpu-03")
    blockers = [
        a_blocker(h, "it has no driver", (f"asked on {h}",), f"install it on {h}, then run `provision check`")
        for h in hosts
    ]
    plan = make_plan(Mode.UP, [], {}, [*blockers, a_blocker("", "python.packages is empty", hint="name vllm there")])
    assert plan_lines(plan) == [
        "! gpu-01, gpu-02, gpu-03: it has no driver",
        *(f"    {h}: asked on {h}" for h in hosts),
        "  hint: install it on <host>, then run `provision check`",
        "! python.packages is empty",
        "  hint: name vllm there",
    ]
    assert totals(plan) == "2 things in the way"


def test_the_same_change_on_many_hosts_is_one_line() -> None:
    book = Playbook()
    for number in range(MERGE_FROM):
        book.add(Thing("environment"), on=f"gpu-{number:02}")
    plan = make_plan(Mode.UP, book.steps, {s.key: None for s in book.steps})
    assert plan_lines(plan) == [f"+ {MERGE_FROM} hosts (gpu-00 … gpu-{MERGE_FROM - 1})  environment"]


def test_an_empty_plan_has_no_lines() -> None:
    plan = make_plan(Mode.UP, [], {})
    assert plan_lines(plan) == []
    assert totals(plan) == ""


@dataclass(frozen=True)
class Served(Thing):
    """`took`: seconds."""

    took: float | None = None

    def interrupted(self, have: State, differences: object) -> Interruption | None:
        return Interruption(self.name, self.took, serves=self.name == "vLLM") if have else None

    def in_plan(self, have: State, differences: object) -> tuple[str, ...]:
        return ("one", "two", "three")


def restarted(*things: tuple[str, Served], mode: Mode = Mode.UP) -> list[str]:
    book = Playbook()
    for host, thing in things:
        book.add(thing, on=host)
    return plan_lines(make_plan(mode, book.steps, {s.key: {"v": "0"} for s in book.steps}))


def test_what_is_stopped_is_named_and_for_about_how_long_the_model_is_silent() -> None:
    ray = [(f"gpu-0{n}", Served("Ray", took=float(n))) for n in (1, 2)]
    lines = restarted(*ray, ("gpu-01", Served("vLLM", took=34.0)))
    assert lines[-2:] == [
        "to be restarted: Ray on gpu-01, Ray on gpu-02, vLLM on gpu-01",
        "meanwhile the model does not answer, for about 36 s, as long as its last start took",
    ]


def test_a_start_that_nobody_timed_is_not_guessed() -> None:
    assert restarted(("a", Served("vLLM")))[-1].endswith("for how long is not known: its last start was not timed")
    assert restarted(("a", Served("Ray")))[-1] == "to be restarted: Ray on a"
    assert restarted(("a", Served("vLLM")), mode=Mode.DOWN)[-1] == "to be stopped: vLLM on a"


def test_a_long_list_is_told_once() -> None:
    lines = restarted(("a", Served("x")), ("b", Served("x")))
    assert lines[:4] == ["~ a  x  one", "        two", "        three", "~ b  x  the same as on a"]


def test_what_goes_for_good_is_not_called_a_restart() -> None:
    """As a model that the inventory no longer has, one under a former name of the cluster, and one that moves."""
    left = StillRunning("rack", "a", only=("vllm",))
    book = Playbook()
    book.add(left, on="a")
    seen = {step.key: {"running": "12 (vllm)"} for step in book.steps}
    gone = make_plan(Mode.UP, book.steps, seen)
    assert plan_lines(gone)[-2:] == ["to be stopped: vLLM on a", "the model will no longer answer"]
    assert question_lines(gone) == ["the model will no longer answer: vLLM on a"]
    book.add(Served("vLLM"), on="b")
    moved = make_plan(Mode.UP, book.steps, {**seen, "b/thing:vLLM": None})
    assert question_lines(moved)[0].startswith("the model is restarted, and does not answer")
    assert plan_lines(moved)[-2] == "to be stopped: vLLM on a"
    elsewhere = make_plan(Mode.UP, book.steps, {**seen, "b/thing:vLLM": Served("vLLM").want()})
    assert question_lines(elsewhere) == []


def test_a_service_that_its_own_step_tells_of_is_told_once() -> None:
    book = Playbook()
    book.add(StillRunning("rack", "a"), on="a")
    book.add(Served("vLLM", took=3.0), on="a")
    down = make_plan(Mode.DOWN, book.steps, {book.steps[0].key: {"running": "12 (vllm)"}, "a/thing:vLLM": {"v": "0"}})
    assert [stop.what.seconds for stop in down.stops] == [3.0]
