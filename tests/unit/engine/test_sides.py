"""What a host does on two sides at once, as those who listen hear it."""

from provision.core.events import Doing, Event, Failed, Note, Progress, StepDone
from provision.engine.sides import Sides


class Heard:
    def __init__(self, *sides: str) -> None:
        self.events: list[Event] = []
        self.sides = Sides(self.events.append, sides)

    def told(self, side: str, *events: Event) -> list[Event]:
        self.events.clear()
        for event in events:
            self.sides.of(side)(event)
        return list(self.events)


def test_one_side_alone_is_heard_as_it_is() -> None:
    heard = Heard("environment")
    said = [Doing("a", "environment"), Progress("a", "1/2"), Doing("a", "", passing=True)]
    assert heard.told("environment", *said) == said


def test_a_host_that_is_busy_on_both_sides_is_told_to_be_with_both_and_how_far_each_is() -> None:
    heard = Heard("environment", "weights")
    assert heard.told("weights", Doing("a", "receiving weights")) == [Doing("a", "receiving weights")]
    assert heard.told("environment", Doing("a", "environment 1f")) == [Doing("a", "environment 1f · receiving weights")]
    assert heard.told("weights", Progress("a", "3/9 MiB")) == [Progress("a", "… · 3/9 MiB")]
    assert heard.told("environment", Progress("a", "5/168")) == [Progress("a", "5/168 · 3/9 MiB")]
    # Of another host nothing is mixed in.
    assert heard.told("weights", Progress("b", "1/9 MiB")) == [Progress("b", "1/9 MiB")]
    # What one of them does next says nothing new of how far the other is.
    both = [Doing("a", "environment 1f · weights"), Progress("a", "5/168 · …")]
    assert heard.told("weights", Doing("a", "weights")) == both


def test_a_side_that_is_through_leaves_the_other_and_then_nothing() -> None:
    heard = Heard("environment", "weights")
    heard.told("environment", Doing("a", "environment"), Progress("a", "1/2"))
    heard.told("weights", Doing("a", "weights"))
    left = [Doing("a", "environment"), Progress("a", "1/2")]
    assert heard.told("weights", Doing("a", "", passing=True)) == left
    assert heard.told("environment", Doing("a", "", passing=True)) == [Doing("a", "", passing=True)]


def test_how_far_what_is_prepared_here_is_goes_by_the_name_of_its_side() -> None:
    heard = Heard("environment", "weights")
    assert heard.told("weights", Progress("a", "hashing here")) == [Progress("a", "hashing here")]
    both = [Doing("a", "environment · weights"), Progress("a", "… · hashing here")]
    assert heard.told("environment", Doing("a", "environment")) == both


def test_a_host_that_has_failed_on_one_side_stays_so_whatever_the_other_does() -> None:
    heard = Heard("environment", "weights")
    heard.told("environment", Doing("a", "environment"))
    heard.told("weights", Doing("a", "receiving weights"))
    failed = Failed("a", "ScriptFailed", "environment: failed")
    assert heard.told("environment", failed) == [failed]
    assert heard.told("weights", Progress("a", "3/9 MiB")) == [Progress("a", "receiving weights: 3/9 MiB")]
    assert heard.told("weights", Doing("a", "weights"), Doing("a", "", passing=True)) == []


def test_whatever_else_is_told_goes_through_as_it_is() -> None:
    heard = Heard("environment", "weights")
    said = [Note("a", "a word"), StepDone("a", "a/weights", "weights", "+", 1.0)]
    assert heard.told("weights", *said) == said
