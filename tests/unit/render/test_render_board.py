import pytest
from render_samples import Thing, a_plan, a_run

from provision.core import events
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.render.board import Board


def board(*run: events.Event) -> Board:
    made = Board()
    for event in run:
        made.handle(event, 100)
    return made


def test_each_host_shows_what_it_does_how_far_it_is_and_for_how_long() -> None:
    run = a_run()
    lines = board(*run[: run.index(events.Progress("gpu-01", "412/945 MB")) + 1]).lines(114, 70, 20)
    assert lines == [
        "gpu-01  1/2 environment 3f9c  412/945 MB                          0:14",
        "gpu-02  waiting for gpu-01: environment 3f9c",
        "gpu-03  done",
        "0:14  1 busy · 1 waiting · 1 done · 0 of 3 steps",
    ]


def test_a_host_that_failed_says_why_until_the_end() -> None:
    lines = board(*a_run()[:-2]).lines(100, 70, 20)
    assert lines[1] == "gpu-02  vllm: failed (exit code 1)"
    assert lines[-1] == "0:00  2 done · 1 failed · 2 of 3 steps"


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 33, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    made = board(
        events.RunStarted("", "up", "llama", ("a-host-with-quite-a-long-name.example.org", "b")),
        events.Doing("b", "installing 169 wheels into a folder with a long name"),
        events.Progress("b", "412/945 MB"),
    )
    assert all(len(line) <= width for line in made.lines(1e5, width, 20))


@pytest.mark.parametrize("height", [0, 1, 2, 10])
def test_two_hundred_busy_hosts_fit_any_height_and_are_counted(height: int) -> None:
    hosts = tuple(f"gpu-{n:03}" for n in range(200))
    made = board(events.RunStarted("", "up", "llama", hosts), *(events.Doing(h, "connecting") for h in hosts))
    lines = made.lines(100, 80, height)
    assert len(lines) == height
    if height:
        assert lines[-1] == f"0:00  200 busy ({201 - height} not shown)"


def test_of_many_hosts_only_the_busy_ones_are_listed() -> None:
    hosts = tuple(f"gpu-{n:02}" for n in range(20))
    made = board(events.RunStarted("", "up", "llama", hosts), events.Doing("gpu-07", "connecting"))
    assert [line.split()[0] for line in made.lines(100, 80, 30)] == ["gpu-07", "0:00"]


def test_hosts_without_changes_are_done_once_there_is_a_plan() -> None:
    made = board(events.RunStarted("", "up", "llama", ("gpu-03",)), events.Planned("", a_plan()))
    assert made.lines(100, 80, 30) == ["gpu-03  done", "0:00  1 done"]


def test_after_the_run_the_board_is_gone() -> None:
    assert board(*a_run()).lines(100, 80, 30) == []


def joining(*done: str, workers: int = 2) -> list[events.Event]:
    """A head, workers that come after it, and a server that comes after them. `done`: keys of steps."""
    book = Playbook()
    head = book.add(Thing("Ray head"), on="head")
    others = [book.add(Thing("Ray worker"), on=f"w{n}", after=head) for n in range(1, workers + 1)]
    book.add(Thing("vLLM"), on="head", after=others)
    plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps}, book.blockers)
    hosts = ("head", *(f"w{n}" for n in range(1, workers + 1)))
    steps = [events.StepDone(key.partition("/")[0], key, "", "+", 1.0) for key in done]
    return [events.RunStarted("", "up", "llama", hosts), events.Planned("", plan), *steps]


def test_a_host_that_waits_says_for_whom_and_for_what() -> None:
    run = [*joining(), events.Doing("head", "Ray head")]
    assert board(*run).lines(100, 70, 20)[1] == "w1    waiting for head: Ray head"
    run = [*joining("head/thing:Ray head"), events.Doing("w2", "Ray worker")]
    assert board(*run).lines(100, 70, 20)[0] == "head  waiting for w1, w2: Ray worker"
    run = joining("head/thing:Ray head", "w1/thing:Ray worker")
    assert board(*run).lines(100, 70, 20)[0] == "head  waiting for w2: Ray worker"
    assert board(*run).lines(100, 70, 20)[-1] == "0:00  2 waiting · 1 done · 2 of 4 steps"
    run = joining("head/thing:Ray head", workers=5)
    assert board(*run).lines(100, 70, 20)[0] == "head  waiting for w1, w2 and 3 hosts: Ray worker"


def test_what_a_host_said_during_a_proof_does_not_stay_once_its_part_is_over() -> None:
    proof = [events.Doing(host, "all-reduce", passing=True) for host in ("head", "w1", "w2")]
    run = [*joining("head/thing:Ray head"), *proof, events.Progress("w1", "adding up 64 MiB")]
    assert "adding up 64 MiB" in board(*run).lines(100, 70, 20)[1]
    run.append(events.Doing("w1", "", passing=True))
    assert board(*run).lines(100, 70, 20)[1] == "w1    waiting for head, w2: all-reduce"
    # A proof is no step, and whoever has none is done after it.
    assert board(*run).lines(100, 70, 20)[0].startswith("head  all-reduce ")
    run += [events.StepDone("w1", "w1/thing:Ray worker", "Ray worker", "+", 1.0), proof[1], events.Doing("w1", "")]
    assert board(*run).lines(100, 70, 20)[1] == "w1    done"


def test_what_is_stopped_first_counts_as_no_step() -> None:
    run = [*joining(), events.StepDone("head", "head/stopped:thing", "Ray head, stopped first", "-", 1.0)]
    assert board(*run).lines(100, 70, 20)[-1].endswith("0 of 4 steps")


@pytest.mark.parametrize("width", range(16, 80, 7))
def test_no_word_of_a_log_is_cut(width: int) -> None:
    words = ["Loading", "safetensors", "checkpoint", "shards:", "completed", "of", "all", "those", "weights"]
    run = [*joining(), events.Doing("head", "vLLM"), events.Progress("head", " ".join(words))]
    row = board(*run).lines(100, width, 20)[0].removeprefix("head").strip().removesuffix("0:00").strip()
    shown = row.removesuffix("…").split()
    assert {word.removesuffix("…") for word in shown} <= {*words, "1/2", "vLLM"} or len(shown) == 1, row
