"""What is said of the lease of a host."""

import time

import pytest

from provision.core.lease import Answer, Claim, Holder, in_order, read_answer, read_answers, several

NOON = time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))
TEXT = """\
state=busy
now=1000
clock=1795903632
silent=3
note.up=400
note.at=1795903000
note.who=ann@laptop
note.from=10.0.0.9
note.pid=123
note.command=up
note.cluster=rack
note.inventory=/home/ann/rack.yaml
told
place=/run/provision/lease
key=boot host ns 0 /run/provision/lease
holder=77 12345
why=
"""
SAID = "an `up` from laptop, pid 123, since 11:50 is under way (ann, 10.0.0.9, cluster rack)"


def test_the_other_run_is_named_in_one_sentence() -> None:
    answer = read_answer(TEXT, NOON)
    assert answer is not None and answer.holder is not None
    assert answer.holder.sentence(NOON) == SAID
    assert (answer.state, answer.ours, answer.process, answer.why) == ("busy", False, "77 12345", "")


def test_the_time_is_how_long_ago_it_was_whatever_the_hosts_clock_says() -> None:
    far = TEXT.replace("1795903000", "12").replace("1795903632", "13")
    answer = read_answer(far, NOON)
    assert answer is not None and answer.holder is not None
    assert answer.holder.since == NOON - 600
    # By the next day the day is said as well.
    assert "since 2026-11-28 11:50 is" in answer.holder.sentence(NOON + 80_000)


@pytest.mark.parametrize("text", ["", "state=", "state=anything\n", "nothing=x\n", "note.who=ann\n", "\x00\x01"])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert read_answer(text) is None


def test_a_note_is_a_file_that_its_owner_can_write_anything_into() -> None:
    evil = TEXT.replace("ann@laptop", "ann@lap\x1b[31mtop\u202eX" + "y" * 1000).replace("pid=123", "pid=1e9")
    answer = read_answer(evil, NOON)
    assert answer is not None and answer.holder is not None
    said = answer.holder.sentence(NOON)
    assert "\x1b" not in said and "\u202e" not in said and len(said) < 700
    assert answer.holder.pid == 0
    for words in ("up=99999", "up=-1", "up=none"):
        odd = read_answer(TEXT.replace("up=400", words), NOON)
        assert odd is not None and odd.holder is not None and odd.holder.since <= NOON


def test_of_several_answers_each_is_one() -> None:
    first, second = read_answers(TEXT + "state=free\ntold\n", NOON)
    assert first.holder is not None and second == Answer("free")


def test_what_a_claim_says_is_one_line_each() -> None:
    claim = Claim("up", "rack", "/home/ann/ra\nck.yaml", "ann@laptop", 7)
    lines = claim.lines(nonce="n", size=3, wait=True, mine="1 2", address="10.0.0.9").splitlines()
    assert lines[-1] == "go" and len(lines) == 12
    assert all("=" in line for line in lines[:-1])
    assert Claim("up", "rack", "", "", 7).lease != claim.lease


def test_hosts_come_in_the_order_of_their_keys_whatever_they_are_called() -> None:
    assert in_order({"a": "2", "b": "1", "c": "2"}) == ["b", "a", "c"]


def test_a_run_that_has_several_hosts_is_told_once() -> None:
    one = Holder("down", "bob@desk", pid=9, since=NOON)
    said = "a `down` from desk, pid 9, since 12:00 is under way (bob)"
    assert several({"a": one, "b": one, "c": None}, NOON) == [
        f"a, b: {said}",
        "c: another run is just beginning, or ending",
    ]


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        (Holder("up", "ann@laptop", taken_by="bob@desk", taken_why="it hangs"), "was unlocked by bob@desk (it hangs)"),
        (Holder("up", "ann@laptop", ended=True), "broke off: its connection, or its controller"),
        (Holder("up", "ann@laptop"), "was killed"),
    ],
)
def test_how_a_dead_one_ended(holder: Holder, said: str) -> None:
    assert holder.how_it_ended == said
