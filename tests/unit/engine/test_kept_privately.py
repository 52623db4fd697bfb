"""What is kept on the controller is its owner's alone, whatever the umask; nothing is kept, or relied on, where others
could change it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_samples import cluster

from provision.after import last_good
from provision.core.errors import LockError, ProvisionError, SnapshotError
from provision.core.private import NotPrivate
from provision.engine import snapshot
from provision.environment.cache import kept_in
from provision.render.log import RunLog, log_dir
from provision.stack.token import RAY_TOKEN, ClusterToken
from provision.weights.local import look, read


@pytest.fixture(params=[0o000, 0o002, 0o022], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Not there yet, and what it lies in neither."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "not" / "yet"))
    return tmp_path / "not"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return tmp_path / "model"


def test_all_that_is_kept_is_its_owners_alone(state: Path, model: Path, umask: int) -> None:
    RunLog(log_dir("llama"), "up").end()
    ClusterToken("llama", "head", writes=True).settle({})
    snapshot.keep(snapshot.take({}, "llama", 0.0))
    last_good.keep(cluster().inventory, cluster().lock)
    assert read(look(model), lambda *_: None).digest
    made = {path: stat.S_IMODE(path.lstat().st_mode) for path in (state, *state.rglob("*"))}
    assert len([path for path in made if path.is_file()]) >= 4
    assert {oct(mode) for path, mode in made.items() if path.is_dir()} == {"0o700"}
    assert {path.name: oct(mode) for path, mode in made.items() if path.is_file() and mode & 0o077} == {}


def test_a_snapshot_of_before_is_closed_to_others(state: Path) -> None:
    snapshot.keep(snapshot.take({}, "llama", 0.0))
    snapshot.last_up("llama").chmod(0o644)
    snapshot.keep(snapshot.take({}, "llama", 0.0))
    assert stat.S_IMODE(snapshot.last_up("llama").stat().st_mode) == 0o600


@pytest.fixture
def squatted(state: Path) -> Path:
    """Everything of a cluster, put there by whoever could write to the folder."""
    folder = state / "yet" / "llama"
    folder.mkdir(parents=True)
    (folder / "ray-token").write_text("known-to-others-for-long")
    (state / "yet").chmod(0o777)
    return folder


def test_a_token_that_others_could_have_put_there_is_not_taken(squatted: Path) -> None:
    with pytest.raises(
        ProvisionError, match=r"the token of `llama` cannot be kept .*mode 777, .* by every user"
    ) as told:
        ClusterToken("llama", "head", writes=True).settle({})
    assert "PROVISION_STATE_DIR" in told.value.hint
    assert ClusterToken("llama", "head", writes=False).settle({})[RAY_TOKEN].reveal() != "known-to-others-for-long"


def test_no_log_and_no_snapshot_is_written_there(squatted: Path) -> None:
    with pytest.raises(NotPrivate):
        RunLog(log_dir("llama"), "up")
    with pytest.raises(SnapshotError, match="can be written to by every user"):
        snapshot.keep(snapshot.take({}, "llama", 0.0))
    assert [path.name for path in squatted.iterdir()] == ["ray-token"]


def test_hashes_that_others_could_have_put_there_are_not_believed(state: Path, model: Path) -> None:
    read(look(model), lambda *_: None)
    assert look(model).digest
    (state / "yet" / "weights").chmod(0o777)
    assert not look(model).digest


def test_a_cache_that_others_could_change_is_refused_in_our_words(tmp_path: Path) -> None:
    from provision.core.private import private_folder

    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with (
        pytest.raises(LockError, match=r"wheels cannot be kept in .*can be written to by every user"),
        kept_in(tmp_path),
    ):
        private_folder(tmp_path / "cache")
