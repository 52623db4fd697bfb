"""Who goes to the end of the chain in a relay."""

from __future__ import annotations

from provision.transport.relay_chain import BEHIND, SPELL, RelayChain

TOTAL = 100 * BEHIND


def looked(chain: RelayChain, *done: tuple[float, ...]) -> list[int]:
    """The order after a look a spell, each with how much of `BEHIND` every host has."""
    for number, each in enumerate(done, 1):
        chain.look(number * SPELL, {place: int(times * BEHIND) for place, times in enumerate(each)}, TOTAL)
    return chain.order


def chain(count: int = 4) -> RelayChain:
    return RelayChain(range(count), 0.0)


def test_each_has_it_from_the_nearest_before_it_and_knows_the_first() -> None:
    assert RelayChain(range(8), 0.0).before(7) == [6, 5, 4, 0]
    assert chain().before(2) == [1, 0] and chain().before(0) == []


def test_one_that_holds_up_the_others_goes_to_the_end() -> None:
    slow = chain()
    assert looked(slow, (5, 1, 1, 1), (9, 2, 2, 2)) == [0, 2, 3, 1]
    assert slow.before(2) == [0] and slow.before(1) == [3, 2, 0]


def test_one_look_is_not_enough_and_neither_is_one_that_catches_up() -> None:
    assert looked(chain(), (5, 1, 1, 1)) == [0, 1, 2, 3]
    assert looked(chain(), (5, 1, 1, 1), (6, 5.5, 5.4, 5.3)) == [0, 1, 2, 3]


def test_a_look_that_comes_too_early_is_none() -> None:
    slow = chain()
    slow.look(SPELL / 2, {0: 5 * BEHIND}, TOTAL)
    slow.look(SPELL, {0: 5 * BEHIND}, TOTAL)
    assert slow.order == [0, 1, 2, 3]


def test_who_is_slower_than_one_that_is_slow_is_not_held_up_by_that_one() -> None:
    assert looked(chain(), (9, 7, 1, 1), (20, 15, 2, 2)) == [0, 1, 3, 2]


def test_where_all_are_fast_what_they_have_not_said_yet_is_no_lag() -> None:
    assert looked(chain(), (50, 48, 48, 48), (99, 97, 97, 97)) == [0, 1, 2, 3]


def test_the_last_and_the_first_hold_up_nobody() -> None:
    assert looked(chain(), (9, 8.9, 8.8, 1), (20, 19.9, 19.8, 2)) == [0, 1, 2, 3]


def test_where_the_network_is_slow_one_is_moved_and_then_nobody() -> None:
    slow = chain()
    assert looked(slow, *((50, number, number, number) for number in range(1, 20))) == [0, 2, 3, 1]


def test_another_slow_one_is_seen_by_how_fast_the_others_are_and_stands_before_the_first() -> None:
    slow = chain(6)
    found = looked(
        slow,
        (90, 1, 1, 1, 1, 1),
        (99, 2, 2, 2, 2, 2),  # 1 is moved
        (99, 3, 9, 4, 4, 4),
        (99, 4, 16, 5, 5, 5),  # 3 is as slow
        (99, 5, 23, 6, 6, 6),
    )
    assert found == [0, 2, 4, 5, 3, 1]


def test_where_those_behind_have_all_nobody_is_moved() -> None:
    slow = chain(3)
    for number in (1, 2):
        slow.look(number * SPELL, {0: TOTAL, 1: BEHIND, 2: TOTAL}, TOTAL)
    assert slow.order == [0, 1, 2]
