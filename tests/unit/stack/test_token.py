"""Which token a run goes by: the hosts' before the controller's, what runs before what lies there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from provision.core.errors import ProvisionError
from provision.core.script import Fragment, assignments
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


SAME, WITHOUT = Fragment(0, "same=yes\n", ""), Fragment(0, "none=yes\n", "")


def test_where_all_hosts_have_the_controllers_none_is_asked_what_its_ray_was_started_with(state: Path) -> None:
    keep(state, C)
    kept = ClusterToken("gpus", "head", writes=True)
    assert "sha256sum" not in kept.question("head", "/r").body
    assert "sha256sum" in kept.whole_question("head", "/r").body
    for other in (SAME, WITHOUT):
        assert not kept.unsettled({"head": SAME, "w": other})
        assert settled({"head": SAME, "w": other}) == Secret(C)
    assert not kept.unsettled({"head": WITHOUT})
    assert settled({"head": WITHOUT}) == Secret(C)


@pytest.mark.parametrize("other", [NONE, Fragment(0, "", ""), Fragment(1, "", ""), held(A), held(C, "mine=yes")])
def test_where_one_has_another_or_a_ray_and_none_all_are_asked_in_full(state: Path, other: Fragment) -> None:
    keep(state, C)
    assert ClusterToken("gpus", "head", writes=True).unsettled({"head": SAME, "w": other})
    # A host that could not be asked again has still said that.
    assert settled({"head": SAME, "w": NONE}) == Secret(C)


def test_a_controller_without_one_asks_in_full_at_once() -> None:
    kept = ClusterToken("gpus", "head", writes=True)
    assert kept.question("head", "/r") == kept.whole_question("head", "/r")
    assert not kept.unsettled({"head": held(A), "w": NONE})


@pytest.mark.parametrize("sh", [name for name in ("dash", "bash") if shutil.which(name)])
def test_a_host_says_that_it_has_the_controllers_and_nothing_of_another(tmp_path: Path, state: Path, sh: str) -> None:
    keep(state, C)
    file = tmp_path / "clusters/gpus/head/ray-token"
    file.parent.mkdir(parents=True, mode=0o700)
    question = ClusterToken("gpus", "head", writes=False).question("head", str(tmp_path))
    text = assignments(question.vars, Secret.reveal) + question.body

    def says() -> str:
        return subprocess.run([sh, "-c", text], stdout=subprocess.PIPE, text=True, check=True).stdout

    for held_there, said in ((C, "same=yes\n"), (f"{C}\n", "same=yes\n"), (A, ""), ("", "none=yes\n")):
        file.write_text(held_there)
        assert says() == said
    (file.parent / "ray").mkdir()
    (file.parent / "ray/stamp").touch()
    assert says() == ""
    (elsewhere := tmp_path / "elsewhere").write_text(C)
    file.unlink()
    file.symlink_to(elsewhere)
    assert says() == ""


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
