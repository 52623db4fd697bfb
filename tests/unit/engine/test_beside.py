"""What may be made while proofs are under way, as values alone."""

from dataclasses import dataclass, replace
from typing import ClassVar

from proof_samples import Shows as Alone

from provision.core.plan import Change, Mode, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.ahead import Ahead, ahead_of, is_ahead, rest_of
from provision.engine.stages import Stage, stages
from provision.proofs.network.proof import NetworkProof


@dataclass(frozen=True)
class Thing(Resource):
    """`folder`: as of an environment, which is made, and then used."""

    name: str
    folder: bool = False

    @property
    def id(self) -> str:
        return self.name

    def want(self) -> State:
        return {"made": "yes", "used": "yes"} if self.folder else {"made": "yes"}

    def probe(self) -> Script:
        return Script("probe")

    def fix(self, have: State, want: State) -> Script:
        return Script("whole")

    def ahead(self, have: State) -> bool:
        return self.folder and "made" not in (have or {})

    def fix_ahead(self, have: State, want: State) -> Script:
        return Script("made")


class Shows(Alone):
    beside_folders: ClassVar[bool] = True


class Book:
    """Two hosts, each with a file, an environment and a service, which waits for both environments."""

    def __init__(self) -> None:
        self.book = Playbook()
        self.files = [self.book.add(Thing("file"), on=host) for host in "ab"]
        self.envs = [self.book.add(Thing("env", folder=True), on=host) for host in "ab"]
        self.services = [self.book.add(Thing("service"), on=host, after=self.envs) for host in "ab"]

    def stages(self, mode: Mode = Mode.UP, **states: State) -> list[Stage]:
        seen: dict[str, State] = dict.fromkeys(
            (step.key for step in self.book.steps), {"made": "x"} if mode.removes else None
        )
        return stages(make_plan(mode, self.book.steps, {**seen, **states}), self.book.proofs)

    def beside(self, mode: Mode = Mode.UP, **states: State) -> list[list[str]]:
        return [[change.step.key for change in stage.beside] for stage in self.stages(mode, **states)]


def test_new_folders_are_made_beside_a_proof_that_is_for_all_and_nothing_else() -> None:
    book = Book()
    book.book.prove(Shows("network"))
    assert book.beside() == [["a/env", "b/env"]]
    (stage,) = book.stages()
    # What is made is part of a change that has its place as ever.
    assert [change.step.key for change in stage.changes] == [step.key for step in book.book.steps]


def test_nothing_is_made_beside_a_proof_that_wants_the_hosts_for_itself() -> None:
    book = Book()
    book.book.prove(Shows("network"))
    book.book.prove(Alone("load"))
    assert book.beside() == [[]]


def test_nothing_is_made_beside_a_proof_that_names_what_it_comes_before() -> None:
    book = Book()
    book.book.prove(Shows("room"), before=book.envs)
    assert book.beside() == [[], []]


def test_what_is_made_before_any_proof_needs_no_such_part() -> None:
    book = Book()
    book.book.prove(Shows("sum"), before=book.services)
    assert book.beside() == [[], []]


def test_a_folder_that_waits_for_another_change_is_made_in_its_turn() -> None:
    book = Playbook()
    first = book.add(Thing("env", folder=True), on="a")
    book.add(Thing("env", folder=True), on="b", after=first)
    book.prove(Shows("network"))
    none: dict[str, State] = {step.key: None for step in book.steps}
    (stage,) = stages(make_plan(Mode.UP, book.steps, none), book.proofs)
    assert [change.step.key for change in stage.beside] == ["a/env"]
    there: dict[str, State] = {**none, first.key: {"made": "yes", "used": "yes"}}
    (stage,) = stages(make_plan(Mode.UP, book.steps, there), book.proofs)
    assert [change.step.key for change in stage.beside] == ["b/env"]


class User(Thing):
    first: ClassVar[bool] = True


class Theirs(Thing):
    behind_first = True


def test_what_is_for_a_user_who_is_to_be_made_waits_for_that() -> None:
    book = Playbook()
    user = book.add(User("user"), on="a")
    for host in "ab":
        book.add(Thing("env", folder=True), on=host)
        book.add(Theirs("model", folder=True), on=host)
    book.prove(Shows("network"))
    none: dict[str, State] = {step.key: None for step in book.steps}
    (stage,) = stages(make_plan(Mode.UP, book.steps, none), book.proofs)
    assert [change.step.key for change in stage.beside] == ["a/env", "b/env", "b/model"]
    (stage,) = stages(make_plan(Mode.UP, book.steps, {**none, user.key: {"made": "yes"}}), book.proofs)
    assert [change.step.key for change in stage.beside] == ["a/env", "a/model", "b/env", "b/model"]


def test_what_is_there_already_or_is_removed_is_not_made() -> None:
    book = Book()
    book.book.prove(Shows("network"))
    assert book.beside(**{"a/env": {"made": "yes"}}) == [["b/env"]]
    assert book.beside(Mode.DOWN) == [[]]


def test_that_part_is_done_when_there_is_nothing_left_of_it_and_the_rest_goes_on_from_there() -> None:
    book = Book()
    book.book.prove(Shows("network"))
    (stage,) = book.stages()
    change: Change = stage.beside[0]
    part = ahead_of(change)
    resource = part.step.resource
    assert isinstance(resource, Ahead) and is_ahead(part) and not is_ahead(change)
    assert part.step.key == change.step.key and resource.label == change.step.resource.label
    assert resource.fix(None, change.want).body.splitlines()[1:] == ["made"]
    assert resource.diff(None, change.want) and not resource.diff({"made": "yes"}, change.want)
    assert rest_of(change, {change.step.key: {"made": "yes"}}) == replace(change, have={"made": "yes"})
    assert rest_of(change, {}) is change


def test_the_network_is_proved_while_folders_are_made() -> None:
    assert NetworkProof.beside_folders
