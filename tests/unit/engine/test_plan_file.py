"""A plan in a file is followed while what it was made from is so, and refused, with what has changed, otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision import api
from provision import inventory as inventories
from provision.core.errors import Declined, PlanChanged, UsageError
from provision.core.exits import Exit
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Step
from provision.core.report import Report
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine import plan_file
from provision.engine.state import Job
from provision.environment.lockfile import parse_lock

TEXT = "cluster: llama\nhosts:\n  gpu-01: {address: 192.0.2.1, role: head}\n  gpu-02: {address: 192.0.2.2}\n"
LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\ntiny==1.0 --hash=sha256:{'ab' * 32}\n"


@dataclass(frozen=True)
class Thing(Resource):
    id = "thing"

    def probe(self) -> Script:
        return Script(":")

    def want(self) -> State:
        return {"v": "1"}

    def fix(self, have: State, want: State) -> Script:
        return Script(":")


def seen(mode: Mode = Mode.CHECK, **states: State) -> Plan:
    steps = [Step(name.replace("_", "-"), Thing()) for name in states]
    return make_plan(mode, steps, {step.key: state for step, state in zip(steps, states.values(), strict=True)})


HOSTS: Mapping[str, State] = {"gpu_01": {"v": "1", "pid": "17"}, "gpu_02": {"v": "0"}}


class Desk:
    """An inventory, a playbook, a lock and a plan in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file, self.playbook, self.out = folder / "a.yaml", folder / "mine.py", folder / "a.plan"
        self.file.write_text(f'{TEXT}python: {{packages: ["tiny"]}}\n')
        self.playbook.write_text("def playbook(cluster): ...\n")
        self.keep(LOCK)

    def keep(self, lock: str, code: int = 3, only: tuple[str, ...] = ()) -> None:
        report = Report("plan", Mode.CHECK, seen(**HOSTS), (), exit_code=code)
        plan_file.keep(report, inventories.load(self.file), self.playbook, only, lock, self.out)

    def follow(self, only: tuple[str, ...] = (), **states: State) -> None:
        """`up --plan`, up to the first change."""
        _, agree = plan_file.followed(self.out, inventories.load(self.file), self.playbook, only, None)
        agree(seen(Mode.UP, **{**HOSTS, **states}))

    @property
    def lock(self) -> Path:
        return self.file.with_suffix(".lock")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_while_nothing_has_changed_it_is_followed_with_the_lock_that_it_was_made_with(desk: Desk) -> None:
    desk.follow()
    assert parse_lock(desk.lock.read_text(), desk.lock).packages == {"tiny": "1.0"}


def test_who_refuses_or_is_refused_leaves_no_lock_behind(desk: Desk) -> None:
    def no(_: Plan) -> None:
        raise Declined("declined")

    lock, agree = plan_file.followed(desk.out, inventories.load(desk.file), desk.playbook, (), no)
    assert lock is not None and lock.packages == {"tiny": "1.0"}
    with pytest.raises(Declined):
        agree(seen(Mode.UP, **HOSTS))
    with pytest.raises(PlanChanged):
        desk.follow(gpu_02={"v": "2"})
    assert not desk.lock.exists()


def test_a_lock_that_was_made_while_the_run_waited_is_not_written_over(desk: Desk) -> None:
    _, agree = plan_file.followed(desk.out, inventories.load(desk.file), desk.playbook, (), lambda _: relocked(desk))
    with pytest.raises(PlanChanged, match=r"the lock `a\.lock` has changed"):
        agree(seen(Mode.UP, **HOSTS))
    assert parse_lock(desk.lock.read_text(), desk.lock).packages == {"tiny": "2.0"}


def test_the_run_works_with_the_lock_of_the_plan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[Job] = []

    def no_run(job: Job, _: api.Options) -> Report:
        worked.append(job)
        return Report("up", Mode.UP, None, ())

    monkeypatch.setattr(api, "_up", no_run)
    desk.playbook = desk.file.with_name("mine.py")
    api.up(inventories.load(desk.file), planned=desk.out, playbook=desk.playbook)
    assert worked[0].lock.packages == {"tiny": "1.0"}
    assert not desk.lock.exists()


def test_another_process_of_the_same_service_is_no_change(desk: Desk) -> None:
    desk.follow(gpu_01={"v": "1", "pid": "4711"})


def edited(desk: Desk) -> None:
    desk.file.write_text(desk.file.read_text() + "ray: {dashboard: true}\n")


def relocked(desk: Desk) -> None:
    inventory = inventories.load(desk.file)
    text = LOCK.replace("1.0", "2.0")
    inputs = " ".join(f"{k}={v}" for k, v in plan_inputs(inventory).items())
    sealed = f"# inputs: {inputs}\n# digest: {parse_lock(text, desk.lock, edited=True).digest}\n# platform"
    desk.lock.write_text(text.replace("# platform", sealed, 1))


def plan_inputs(inventory: inventories.Inventory) -> Mapping[str, str]:
    from provision.environment.lock_inputs import inputs_of

    return inputs_of(inventory.python, inventory.path.parent)


def rewritten(desk: Desk) -> None:
    desk.playbook.write_text("def playbook(cluster): return None\n")


@pytest.mark.parametrize(
    ("change", "what"), [(edited, "`a.yaml`"), (relocked, "the lock `a.lock`"), (rewritten, "the playbook `mine.py`")]
)
def test_what_it_was_made_from_must_be_the_same(desk: Desk, change: Callable[[Desk], None], what: str) -> None:
    change(desk)
    with pytest.raises(
        PlanChanged, match=f"{what} has changed since the plan was made: nothing was changed"
    ) as refused:
        desk.follow()
    assert refused.value.exit_code == Exit.NO


@pytest.mark.parametrize("state", [{"v": "2"}, None])
def test_so_must_the_hosts(desk: Desk, state: State) -> None:
    with pytest.raises(PlanChanged, match="what was seen on gpu-02 has changed") as refused:
        desk.follow(gpu_02=state)
    # It may be an `up` of this very plan that has begun.
    assert "`provision plan --out FILE`; what an `up` has built" in refused.value.hint


def test_a_host_more_is_a_change(desk: Desk) -> None:
    with pytest.raises(PlanChanged, match="what was seen on gpu-03"):
        desk.follow(gpu_03={"v": "1"})


def test_what_is_asked_besides_is_asked_once_it_is_sure(desk: Desk) -> None:
    asked: list[Plan] = []
    inventory = inventories.load(desk.file)
    _, agree = plan_file.followed(desk.out, inventory, desk.playbook, (), asked.append)
    with pytest.raises(PlanChanged):
        agree(seen(Mode.UP, **{**HOSTS, "gpu_02": None}))
    assert asked == []
    agree(plan := seen(Mode.UP, **HOSTS))
    assert asked == [plan]


def test_it_is_for_the_same_hosts(desk: Desk) -> None:
    desk.keep(LOCK, only=("gpu-01",))
    with pytest.raises(UsageError, match="it was made with --limit gpu-01"):
        desk.follow()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "plan", "v": 2}', '{"v": 1, "kind": "plan", "from": 3}'])
def test_what_is_no_plan_is_refused_in_words(desk: Desk, content: str) -> None:
    desk.out.write_text(content)
    with pytest.raises(UsageError, match="--plan: `"):
        desk.follow()


def test_a_run_that_could_not_look_at_all_hosts_leaves_no_plan(desk: Desk) -> None:
    desk.out.unlink()
    desk.keep(LOCK, code=4)
    assert not desk.out.exists()


def test_its_place_is_looked_at_before_any_host(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_execute", lambda *_: pytest.fail("hosts were contacted"))
    nowhere = desk.file.parent / "nowhere"
    with pytest.raises(UsageError, match=f"--out: there is no folder `{nowhere}`"):
        api.plan(inventories.load(desk.file), out=nowhere / "a.plan", playbook=desk.playbook)


def test_people_can_read_what_it_will_do(desk: Desk) -> None:
    (change,) = json.loads(desk.out.read_text())["changes"]
    assert change == {"host": "gpu-02", "action": "update", "label": "thing", "lines": ["v 0 → 1"]}


def test_one_that_others_could_have_written_is_not_followed_and_its_lock_not_taken(desk: Desk) -> None:
    desk.out.chmod(0o666)
    with pytest.raises(UsageError, match=r"cannot be read: `.*` .* can be written to by every user"):
        desk.follow()
    assert not desk.lock.exists()
