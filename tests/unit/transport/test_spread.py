"""Who downloads which file where hosts share that, and what is not believed of what a host says of it."""

import json
from typing import Any

import pytest

from provision.payload.relay.wire import BLOCK
from provision.transport.relay_heard import OutOfRelay
from provision.transport.relay_run import Block, RelayMember
from provision.transport.spread_heard import SpreadHeard, SpreadListing
from provision.transport.spread_run import SpreadMember, SpreadRun, assigned

DIGEST = bytes(32)
NONE: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
LISTED = "provision-spread-listed"
SAID = ((8, "false"), (8, "true"), (5, "true"))
FILES = (("a", 2 * BLOCK, "aa"), ("b", BLOCK, "bb"), ("c", 3, "cc"))


def nothing() -> None:
    pass


class Pipe:
    """Has heard all of it, and waits for more."""

    over = False

    def __init__(self, said: str) -> None:
        self.said = said.encode()
        self.channel = self

    def read(self, _: float) -> tuple[bytes, bytes]:
        said, self.said = self.said, b""
        return said, b""

    def recv_ready(self) -> bool:
        return bool(self.said)


def heard_of(*lines: str) -> SpreadHeard:
    pipe: Any = Pipe("".join(f"{line}\n" for line in lines))
    heard = SpreadHeard(pipe, lambda _: None, lambda *_: None)
    heard.look(0)
    return heard


def run_of(*there: tuple[int, ...], files: tuple[tuple[str, int, str], ...] = FILES) -> SpreadRun:
    run = SpreadRun(len(there))
    for place, have in enumerate(there):
        at = RelayMember(f"host-{place}", f"192.0.2.{place}", 20000)
        run.joins(place, SpreadMember(at, SpreadListing("c" * 40, files), have))
    for place in range(len(there)):
        run.all_there(place, nothing)
    return run


def test_shares_are_about_as_large_for_all() -> None:
    sizes = [100, 90, 80, 40, 30, 20, 1, 1]
    of = assigned({place: [0] * len(sizes) for place in range(3)}, sizes, NONE)
    shares = [sum(size for file, size in enumerate(sizes) if of[file] == place) for place in range(3)]
    assert sorted(of) == [*range(len(sizes))] and max(shares) - min(shares) <= 20


def test_who_has_a_file_or_most_of_it_goes_on_with_it() -> None:
    assert assigned({0: [0, 0, 9], 1: [0, 70, 0], 2: [100, 50, 0]}, [100, 90, 9], NONE) == {0: 2, 1: 1, 2: 0}


def test_what_nobody_lacks_is_not_looked_at_again() -> None:
    assert assigned({0: [100, 0], 1: [100, 5]}, [100, 9], NONE) == {1: 1}


def test_of_hosts_that_have_a_file_one_that_has_compared_it_passes_it_on() -> None:
    assert assigned({0: [100], 1: [100], 2: [0]}, [100], {**NONE, 1: {0}}) == {0: 1}


def test_each_host_has_a_share_from_the_one_before_it_and_at_last_from_whose_it_is() -> None:
    run = run_of((0, 0, 0), (0, 0, 0), (0, 0, 0))
    assert [run.share(place) for place in range(3)] == [[0], [1], [2]]
    peers = {take.files: [peer.name for peer in take.peers] for take in run.takes(2)}
    assert peers == {(1,): ["host-1"], (0,): ["host-1", "host-0"]}
    peers = {take.files: [peer.name for peer in take.peers] for take in run.takes(0)}
    assert peers == {(2,): ["host-2"], (1,): ["host-2", "host-1"]}


def test_a_host_that_the_hub_told_of_other_files_is_left_out() -> None:
    run = SpreadRun(3)
    for place, commit in enumerate(("a" * 40, "b" * 40, "a" * 40)):
        at = RelayMember(f"host-{place}", f"192.0.2.{place}", 20000)
        run.joins(place, SpreadMember(at, SpreadListing(commit, FILES), (0, 0, 0)))
    run.all_there(0, nothing)
    with pytest.raises(OutOfRelay, match="other files"):
        run.all_there(1, nothing)
    assert not run.share(1) and {take.files for take in run.takes(0)} == {tuple(run.share(2))}


@pytest.mark.parametrize("commits", ["ab", "abab", "abb"])
def test_a_host_hears_no_more_than_that_the_hub_has_told_others_otherwise(commits: str) -> None:
    run = SpreadRun(len(commits))
    for place, commit in enumerate(commits):
        at = RelayMember(f"host-{place}", f"192.0.2.{place}", 20000)
        run.joins(place, SpreadMember(at, SpreadListing(commit * 40, FILES), (0, 0, 0)))
    said = set()
    for place in range(len(commits)):
        try:
            run.all_there(place, nothing)
        except OutOfRelay as out:
            said.add(str(out))
    assert said == {"the hub has told it of other files than other hosts"}


def test_one_alone_takes_no_part() -> None:
    run = SpreadRun(2)
    run.joins(0, SpreadMember(RelayMember("host-0", "192.0.2.0", 20000), SpreadListing("a" * 40, FILES), (0, 0, 0)))
    run.leaves(1, whole=False)
    with pytest.raises(OutOfRelay, match="no other host"):
        run.all_there(0, nothing)


@pytest.mark.parametrize(
    ("place", "block"),
    [
        (1, Block(0, 0, DIGEST)),  # another one's share
        (0, Block(0, 1, DIGEST)),  # not the next one
        (0, Block(7, 0, DIGEST)),  # no such file
        (0, Block(0, 0, DIGEST[1:])),
    ],
)
def test_a_host_names_blocks_of_its_own_share_alone_in_order(place: int, block: Block) -> None:
    run = run_of((0, 0, 0), (0, 0, 0))
    assert run.share(0) == [0]
    with pytest.raises(OutOfRelay):
        run.found(place, block)
    run.found(0, Block(0, 0, DIGEST))
    run.found(0, Block(0, 1, DIGEST))
    with pytest.raises(OutOfRelay):
        run.found(0, Block(0, 2, DIGEST))
    assert run.blocks_from(0, 1, 0)[0] == [Block(0, 0, DIGEST), Block(0, 1, DIGEST)]
    assert run.blocks_from(0, 0, 0)[0] == []


def test_a_share_is_lost_with_its_host_until_all_of_it_was_told() -> None:
    run = run_of((0, 0, 0), (0, 0, 0), (0, 0, 0))
    run.found(0, Block(0, 0, DIGEST))
    assert not run.broken
    run.leaves(0, whole=False)
    assert run.broken
    told = run_of((0, 0, 0), (0, 0, 0), (0, 0, 0))
    told.found(0, Block(0, 0, DIGEST))
    told.found(0, Block(0, 1, DIGEST))
    told.leaves(0, whole=False)
    assert not told.broken


def test_a_listing_is_heard_file_by_file() -> None:
    heard = heard_of(
        *(f"provision-spread-file 0 {json.dumps([*file, False])}" for file in FILES), f"{LISTED} 3 {'c' * 40}"
    )
    assert heard.listing == SpreadListing("c" * 40, FILES) and heard.there == [0, 0, 0]


def test_a_file_that_was_compared_is_heard_of_and_one_in_part_is_not_whole() -> None:
    heard = heard_of(*(f'provision-spread-file {there} ["a", 8, "c", {said}]' for there, said in SAID))
    assert heard.there == [8, 8, 5] and heard.checked == {1}


@pytest.mark.parametrize(
    "lines",
    [
        ['provision-spread-file 0 ["a", "b", "c", false]'],
        ['provision-spread-file 9 ["a", 8, "c", false]'],
        ["provision-spread-file 0 {}"],
        ["provision-spread-file 0 ["],
        ["provision-spread-file 0 " + "[" * 60000],
        [f"{LISTED} 1 {'c' * 40}"],
        ["provision-spread-found 0 0 00"],
        [*['provision-spread-file 0 ["a", 8, "c", false]'] * 501],
    ],
)
def test_what_cannot_be_ends_its_part(lines: list[str]) -> None:
    with pytest.raises(OutOfRelay):
        heard_of(*lines)
