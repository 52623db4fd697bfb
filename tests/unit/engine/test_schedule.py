from plan_samples import Thing

from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.engine.schedule import Schedule, Stretch


class User(Thing):
    first = True


def keys(stretches: list[Stretch]) -> list[str]:
    return [c.step.key.replace("thing:", "") for s in stretches for c in s.changes]


def cluster() -> Playbook:
    """Three hosts: an environment on each, then the head, then the workers, then the model on the head."""
    book = Playbook()
    for host in "abc":
        book.add(Thing("env"), on=host)
    head = book.add(Thing("head"), on="a")
    workers = [book.add(Thing("worker"), on=h, after=head) for h in "bc"]
    book.add(Thing("model"), on="a", after=workers)
    return book


def plan(mode: Mode = Mode.UP) -> Plan:
    steps = cluster().steps
    return make_plan(mode, steps, {s.key: {"v": "1"} if mode.removes else None for s in steps})


def by_host(stretches: list[Stretch]) -> dict[str, Stretch]:
    return {s.host: s for s in stretches}


def test_a_stretch_is_all_that_a_host_can_do_without_another() -> None:
    first = by_host(Schedule(plan()).ready())
    assert keys([first["a"]]) == ["a/env", "a/head"]
    assert keys([first["b"]]) == ["b/env"]


def test_what_is_to_be_sent_waits_for_the_user_whom_it_is_for() -> None:
    """Files go to a host before the scripts of their stretch."""
    book = Playbook()
    for thing in (Thing("before"), User("user"), Thing("weights"), Thing("model")):
        book.add(thing, on="a")
    up = Schedule(make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps}))
    (first,) = up.ready()
    assert keys([first]) == ["a/before", "a/user"]
    up.done(first)
    assert keys(up.ready()) == ["a/weights", "a/model"]
    down = Schedule(make_plan(Mode.DOWN, book.steps, {step.key: {"v": "1"} for step in book.steps}))
    assert keys(down.ready()) == ["a/model", "a/weights", "a/user", "a/before"]


def test_a_host_goes_on_as_soon_as_what_it_needs_is_there() -> None:
    schedule = Schedule(plan())
    first = by_host(schedule.ready())
    schedule.done(first["b"])
    assert schedule.ready() == []
    schedule.done(first["a"])
    assert keys(schedule.ready()) == ["b/worker"]
    schedule.done(first["c"])
    assert keys(schedule.ready()) == ["c/worker"]


def test_the_model_waits_for_all_workers() -> None:
    schedule = Schedule(plan())
    for stretch in schedule.ready():
        schedule.done(stretch)
    workers = by_host(schedule.ready())
    schedule.done(workers["b"])
    assert schedule.ready() == []
    schedule.done(workers["c"])
    assert keys(schedule.ready()) == ["a/model"]


def test_a_failure_skips_what_needs_it_on_every_host_and_nothing_else() -> None:
    schedule = Schedule(plan())
    first = by_host(schedule.ready())
    schedule.done(first["a"])
    schedule.done(first["c"])
    skipped = schedule.done(first["b"], ["b/thing:env"])
    assert [c.step.key for c, _ in skipped] == ["b/thing:worker", "a/thing:model"]
    assert {cause for _, cause in skipped} == {"b/thing:env"}
    assert keys(schedule.ready()) == ["c/worker"]


def test_removal_runs_backwards_across_hosts() -> None:
    schedule = Schedule(plan(Mode.DOWN))
    order = []
    while not schedule.finished:
        for stretch in schedule.ready():
            order += keys([stretch])
            schedule.done(stretch)
    assert order[0] == "a/model"
    assert order.index("b/worker") < order.index("a/head")
    assert len(order) == 7


def test_a_failed_removal_does_not_keep_the_rest_standing() -> None:
    schedule = Schedule(plan(Mode.DOWN))
    seen = []
    while not schedule.finished:
        for stretch in schedule.ready():
            seen += keys([stretch])
            assert schedule.done(stretch, [c.step.key for c in stretch.changes]) == []
    assert len(seen) == 7
