"""What `up` has started and is gone when it is looked at over new connections is an error, and nothing else is."""

from dataclasses import dataclass

from provision.core.exits import Exit
from provision.core.plan import Action, Change, Mode, Plan
from provision.core.playbook import Step
from provision.core.report import Report
from provision.core.resource import Difference, Resource, State
from provision.core.script import Script
from provision.engine.second_look import judged


@dataclass(frozen=True)
class Server(Resource):
    @property
    def id(self) -> str:
        return "service:server"

    @property
    def label(self) -> str:
        return "server"

    def probe(self) -> Script:
        return Script(":")

    def want(self) -> State:
        return {"running": "yes"}

    def fix(self, have: State, want: State) -> Script:
        return Script(":")


def report(*differences: Difference) -> Report:
    step = Step("gpu-01", Server(), ())
    changes = (
        (Change(step, Action.UPDATE, {"running": "no"}, step.resource.want(), differences),) if differences else ()
    )
    plan = Plan(Mode.CHECK, changes, (), ())
    return Report("up", Mode.UP, plan, (), outcome=("llama answers",))


def test_one_that_is_gone_is_an_error_that_says_what_to_do_and_no_model_is_said_to_answer() -> None:
    found = judged(report(), report(Difference("running", "yes", "no: its process is gone")))
    (error,) = found.errors
    assert (
        str(error) == "gpu-01: server did its work, and was gone when it was looked at once more: its process is gone"
    )
    assert "`sudo loginctl enable-linger`" in error.hint
    assert (found.exit_code, found.outcome) == (Exit.FAILED, ())


def test_what_else_differs_is_for_check_to_say() -> None:
    well = report()
    assert judged(well, report(Difference("--size", "1", "2"))) is well
    assert judged(well, report()) is well
