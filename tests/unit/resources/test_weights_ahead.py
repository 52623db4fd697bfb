"""Which weights are sent while proofs are under way: those of the controller, to a folder with which no server can have
begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.resource import State
from provision.resources.weights import Weights
from provision.weights.local import look

INCOMING = {"folder": "yes", "brought": "yes", "begun": "7", "in:m.safetensors": "7 1.0"}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "m.safetensors").write_bytes(b"weights")
    here, env = look(tmp_path / "model"), "/r/envs/current/bin/python"
    return Weights("controller", "/r/models/m", "/r", "c", "a", env, here=here, plain="/usr/bin/python3")


@pytest.mark.parametrize("have", [None, {"older": "yes"}, INCOMING])
def test_to_a_new_folder_they_come_ahead_all_of_them_with_an_interpreter_that_is_there(
    weights: Weights, have: State
) -> None:
    assert weights.ahead(have) and weights.ends_ahead
    ahead, whole = weights.fix_ahead(have, weights.want()), weights.fix(have, weights.want())
    assert (ahead.vars["python"], whole.vars["python"]) == ("/usr/bin/python3", "/r/envs/current/bin/python")
    assert ahead.uploads == whole.uploads and ahead.body == whole.body


@pytest.mark.parametrize(
    "have",
    [
        {"folder": "yes", "sound": "yes", "marked": "yes", "digest": "1f", "brought": "yes"},  # another version of it
        {"folder": "yes", "digest": "1f", "brought": "yes", "is:m.safetensors": "7 1.0"},  # edited
        {"folder": "yes", "brought": "yes", "is:m.safetensors": "7 1.0"},  # without its manifest
        {**INCOMING, "marked": "yes"},  # a file of what was served came damaged, and its manifest was taken away
        {**INCOMING, "shared": "yes"},
        {**INCOMING, "kept": "another cluster"},
        {"folder": "yes"},  # somebody else's
    ],
)
def test_what_a_server_may_have_begun_with_waits_for_the_proofs(weights: Weights, have: State) -> None:
    assert not weights.ahead(have)


def test_what_needs_the_environment_or_is_looked_at_whole_or_lies_elsewhere_waits(weights: Weights) -> None:
    assert weights.ahead(None)
    assert not replace(weights, plain="").ahead(None)
    assert not replace(weights, source="hub", here=None, repo="acme/m").ahead(None)
    assert not replace(weights, source="hosts", here=None).ahead({"folder": "yes"})
    assert not replace(weights, deep=True).ahead(None)
    assert not replace(weights, folder="/data/m").ahead(None)
