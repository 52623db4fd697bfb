"""Which token a run goes by: the hosts' before the controller's, what runs before what lies there."""

from pathlib import Path

import pytest

from provision.core.errors import ProvisionError
from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.stack.token import RAY_TOKEN, ClusterToken

A, B, C = "a" * 64, "b" * 64, "c" * 64
NONE = Fragment(0, "token=\n", "")


def held(token: str, *more: str) -> Fragment:
    return Fragment(0, "".join(f"{line}\n" for line in (*more, f"token={token}")), "")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "gpus" / "ray-token"


def settled(answers: dict[str, Fragment], *, writes: bool = True) -> Secret:
    return ClusterToken("gpus", "head", writes).settle(answers)[RAY_TOKEN]


def keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_controller_without_one_takes_over_the_hosts_and_keeps_it_for_itself(state: Path) -> None:
    assert settled({"head": held(A), "w": held(A)}) == Secret(A)
    assert state.read_text() == A
    assert state.stat().st_mode & 0o777 == 0o600
    assert [*state.parent.iterdir()] == [state]


def test_who_only_looks_keeps_nothing(state: Path) -> None:
    assert settled({"head": held(A)}, writes=False) == Secret(A)
    first, second = settled({"head": NONE}, writes=False), settled({}, writes=False)
    assert first != second
    assert not state.parent.exists()


def test_one_that_differs_from_the_hosts_gives_way(state: Path) -> None:
    keep(state, B)
    assert settled({"head": held(A), "w": held(A)}) == Secret(A)
    assert state.read_text() == A


@pytest.mark.parametrize(
    ("answers", "token"),
    [
        ({"head": held(A), "w1": held(B), "w2": held(B)}, A),
        ({"head": held(A), "w1": held(B, "used=yes"), "w2": NONE}, B),
        ({"head": held(A, "used=yes"), "w1": held(B, "used=yes"), "w2": held(B, "used=yes")}, A),
        ({"head": NONE, "w1": held(B), "w2": held(A), "w3": held(A)}, A),
        ({"w1": held(B), "w2": NONE}, B),
        # A file that was changed by hand: Ray runs with the one that the controller has.
        ({"head": held(A, "mine=yes"), "w1": NONE}, C),
        ({"head": held(""), "w1": held(C, "used=yes", "mine=yes")}, C),
        ({"head": held(A, "used=yes"), "w1": held(C, "used=yes", "mine=yes")}, A),
    ],
)
def test_what_runs_counts_before_what_lies_there_and_the_head_before_the_others(
    state: Path, answers: dict[str, Fragment], token: str
) -> None:
    keep(state, C)
    assert settled(answers) == Secret(token)


@pytest.mark.parametrize(
    "text", ["", "short", "two words of some length", "a" * 2000, "a" * 40 + "\n" + "b" * 40, "\x01" * 64, "é" * 64]
)
def test_what_can_be_no_token_is_not_taken_from_a_host(state: Path, text: str) -> None:
    token = settled({"head": held(text, "used=yes"), "w": held(A)})
    assert token == Secret(A)
    assert settled({"head": Fragment(1, f"token={B}", "")}, writes=False) == Secret(A)


@pytest.mark.parametrize("text", ["", "\n", "garbage", "<html> 404 </html>", "\0" * 64])
def test_one_that_is_damaged_here_is_refused_unless_a_host_has_a_better_one(state: Path, text: str) -> None:
    keep(state, text)
    # `check` would promise what `up` then refuses.
    for writes in (True, False):
        with pytest.raises(ProvisionError, match=r"the token of `gpus` .* is (empty|damaged), and no host") as caught:
            settled({"head": NONE}, writes=writes)
        assert caught.value.hint == f"rm {state}"
    assert state.read_text() == text
    assert settled({"head": held(A)}) == Secret(A)
    assert state.read_text() == A


def test_two_runs_that_begin_together_have_one_token(state: Path) -> None:
    first = settled({"head": NONE})
    assert settled({"head": NONE}) == first
    assert state.read_text() not in repr(ClusterToken("gpus", "head", True))


def test_a_run_without_the_head_keeps_none_that_it_made_up(state: Path) -> None:
    """`--limit` to a new host, from a controller that has none: the cluster's own is not known."""
    assert settled({"w": NONE}) != settled({"w": NONE})
    assert not state.exists()
    assert settled({"w": held(A)}) == settled({"w": NONE}) == Secret(A)
    assert state.read_text() == A


def test_what_a_host_prints_is_heard_by_nobody_else() -> None:
    script = ClusterToken("gpus", "head", writes=True).question("head", "~/.provision")
    assert script.private
