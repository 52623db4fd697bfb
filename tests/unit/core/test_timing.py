"""What determined the end of a run, of made-up ones; and what a stopwatch writes down."""

import pytest

from provision.core.stopwatch import Stopwatch
from provision.core.timing import Kind, Span, Timings, phases_of


def a_span(
    kind: Kind,
    name: str,
    host: str,
    began: float,
    ended: float,
    *,
    after: tuple[str, ...] = (),
    behind: Span | None = None,
    done: bool = True,
) -> Span:
    step = f"{host}/{name}" if kind == "change" else ""
    return Span(kind, name, host, began, ended, step, after, behind, done)


def path(*spans: Span, seconds: float = 100.0) -> list[tuple[str, str]]:
    return [(span.host, span.name) for span in Timings.of(spans, seconds).path]


FACTS_A = a_span("facts", "facts", "a", 0.0, 1.0)
FACTS_B = a_span("facts", "facts", "b", 0.0, 3.0)


def test_what_all_wait_for_is_what_ended_last() -> None:
    look = a_span("looking", "looking", "a", 3.1, 4.0, behind=FACTS_B)
    assert path(FACTS_A, FACTS_B, look) == [("b", "facts"), ("a", "looking")]


def test_on_one_host_things_wait_for_each_other() -> None:
    env = a_span("change", "env", "a", 4.0, 9.0, behind=FACTS_B)
    weights = a_span("change", "weights", "a", 9.0, 20.0, behind=FACTS_B)
    other = a_span("change", "env", "b", 4.0, 15.0, behind=FACTS_B)
    assert path(FACTS_A, FACTS_B, env, other, weights) == [("b", "facts"), ("a", "env"), ("a", "weights")]


def test_a_step_waits_for_those_it_comes_after_and_for_no_other_host() -> None:
    env = a_span("change", "env", "a", 3.0, 9.0, behind=FACTS_B)
    slow = a_span("change", "env", "b", 3.0, 15.0, behind=FACTS_B)
    # It happens to begin when something else has ended, which it did not wait for.
    other = a_span("change", "env", "c", 3.0, 15.9, behind=FACTS_B)
    head = a_span("change", "head", "a", 16.0, 20.0, after=("a/env", "b/env"), behind=FACTS_B)
    assert path(FACTS_A, FACTS_B, env, slow, other, head) == [("b", "facts"), ("b", "env"), ("a", "head")]


def test_a_proof_waits_for_no_change_beside_it() -> None:
    env = a_span("change", "env", "a", 3.0, 4.0, behind=FACTS_B)
    proof = a_span("proof", "network proof", "a", 5.0, 7.0, behind=FACTS_B)
    assert path(FACTS_A, FACTS_B, env, proof) == [("b", "facts"), ("a", "network proof")]


def test_a_change_beside_a_proof_does_not_wait_for_it_either() -> None:
    proof = a_span("proof", "network proof", "a", 3.0, 5.0, behind=FACTS_B)
    env = a_span("change", "env", "a", 5.5, 9.0, behind=FACTS_B)
    assert path(FACTS_A, FACTS_B, proof, env) == [("b", "facts"), ("a", "env")]


def test_what_is_in_no_part_of_the_path_is_the_rest() -> None:
    look = a_span("looking", "looking", "a", 4.0, 6.0, behind=FACTS_B)
    found = Timings.of([look, FACTS_A, FACTS_B], 10.0)
    assert found.between == pytest.approx(10.0 - 3.0 - 2.0)
    assert found.share(3.0) == pytest.approx(0.3)
    assert [span.host for span in found.spans] == ["a", "b", "a"]


def test_what_took_no_time_at_all_has_a_path_that_ends() -> None:
    spans = [a_span("change", str(number), "a", 1.0, 1.0) for number in range(5)]
    assert path(*spans)[-1] == ("a", "4")
    assert Timings.of([], 0.0).path == () and Timings.of([], 0.0).share(1.0) == 0.0


def test_of_a_step_that_was_tried_twice_the_last_try_counts() -> None:
    first = a_span("change", "env", "a", 1.0, 2.0, done=False)
    again = a_span("change", "env", "a", 2.5, 8.0)
    head = a_span("change", "head", "b", 8.1, 9.0, after=("a/env",))
    assert path(first, again, head) == [("a", "env"), ("a", "env"), ("b", "head")]


def test_a_phase_is_from_its_first_beginning_to_its_last_end() -> None:
    env = a_span("change", "env", "a", 4.0, 9.0)
    other = a_span("change", "env", "b", 3.0, 5.0)
    files = a_span("files", "receiving files", "b", 2.0, 3.0)
    phases = [(phase.name, phase.seconds) for phase in phases_of([env, FACTS_A, other, files])]
    assert phases == [("facts", 1.0), ("env", 6.0)]


def test_a_part_is_written_down_whatever_its_end() -> None:
    watch = Stopwatch()
    with watch.part("facts", "facts", "a"):
        pass
    watch.all_waited()
    with pytest.raises(KeyError), watch.part("looking", "looking", "a"):
        raise KeyError
    facts, looking = watch.spans
    assert (facts.done, looking.done) == (True, False)
    assert looking.behind is facts and facts.behind is None
    assert 0.0 <= facts.began <= facts.ended <= looking.began


def test_what_this_machine_did_in_no_time_is_no_part() -> None:
    watch = Stopwatch()
    watch.write("here", "the playbook", "", 1.0, 1.001)
    assert watch.spans == () and watch.last() is None
    watch.write("here", "the playbook", "", 1.0, 2.0)
    assert [span.name for span in watch.spans] == ["the playbook"]
    assert watch.last("proof") is None
