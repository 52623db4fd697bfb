"""Changes to a model that serves, with stand-ins for Ray and vLLM: planned in a file, followed, refused, taken back."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin_stack import PACKAGES, write_wheels

from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")


class Desk:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self.folder, self.lab = folder, lab
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")
        self.settings: dict[str, Any] = yaml.safe_load(lab.inventory.read_text()) | {
            "cluster": "change",
            "python": {
                "version": "3.11",
                "packages": PACKAGES,
                "find_links": [str(folder / "wheels")],
                "wheels": "controller",
                "compile": False,
            },
        }
        self.serve({})

    def serve(self, args: dict[str, object], **env: str) -> None:
        self.settings["serve"] = {
            "model": "/home/ops/models/tiny",
            "weights": {"source": "controller", "path": str(self.folder / "model")},
            "args": args,
            "env": env,
            "ready_timeout": 60,
        }
        (self.folder / "a.yaml").write_text(json.dumps(self.settings))

    def provision(self, *words: str, code: int = 0) -> str:
        """What it says, on both streams."""
        done = subprocess.run(
            [PROVISION, words[0], str(self.folder / "a.yaml"), *words[1:]],
            env={
                **os.environ,
                "PROVISION_STATE_DIR": str(self.folder / "state"),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == code, done.stdout + done.stderr
        return said

    def running(self) -> str:
        """Process id and arguments of the model's server."""
        (line,) = self.lab.host("lab-1").exec(["pgrep", "-af", "bin/vllm serve"]).stdout.splitlines()
        url = f"http://{self.lab.host('lab-1').address}:8000/health"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200
        return line


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    lab = Lab(name=f"test-change-{os.getpid()}")
    # More GPUs than the model takes: of stand-ins no ranks are counted.
    lab.up(1, 2)
    made = Desk(lab, tmp_path_factory.mktemp("desk"))
    yield made
    lab.down()


def test_a_plan_says_for_how_long_the_model_is_silent_and_can_be_kept(desk: Desk) -> None:
    desk.provision("up")
    desk.serve({"max-num-seqs": 8})
    said = desk.provision("plan", "--out", str(desk.folder / "a.plan"), code=3)
    assert "--max-num-seqs absent → 8" in said
    assert "to be restarted: vLLM on lab-1 meanwhile the model does not answer, for about" in said


def test_it_is_refused_once_something_else_is_asked_for(desk: Desk) -> None:
    before = desk.running()
    desk.serve({"max-num-seqs": 9})
    said = desk.provision("up", "--plan", str(desk.folder / "a.plan"), code=3)
    assert "`a.yaml` has changed since the plan was made: nothing was changed on any host" in said
    assert desk.running() == before


def test_it_is_followed_while_nothing_else_is_and_the_silence_is_measured(desk: Desk) -> None:
    desk.serve({"max-num-seqs": 8})
    assert "the model did not answer for" in desk.provision("up", "--plan", str(desk.folder / "a.plan"))
    assert "--max-num-seqs 8" in desk.running()
    # Now the host is another one than the plan saw.
    assert "what was seen on lab-1 has changed" in desk.provision("up", "--plan", str(desk.folder / "a.plan"), code=3)


def test_a_start_that_fails_is_taken_back(desk: Desk) -> None:
    desk.serve({"max-num-seqs": 9}, STAND_IN_TELLS="1")
    said = desk.provision("up", "--rollback-on-failure", code=1)
    assert "going back to what was started by" in said
    assert "--max-num-seqs 8" in desk.running()
    assert "--max-num-seqs 8 → 9" in desk.provision("plan", code=3)


def test_or_later_by_hand_and_a_second_time_nothing_is_changed(desk: Desk) -> None:
    desk.provision("up", code=1)
    desk.provision("rollback")
    assert "--max-num-seqs 8" in desk.running()
    assert "nothing to change" in desk.provision("rollback")


def test_and_from_another_machine_by_what_the_head_keeps(desk: Desk) -> None:
    desk.serve({"max-num-seqs": 7})
    desk.provision("up")
    desk.serve({"max-num-seqs": 6}, STAND_IN_TELLS="1")
    desk.provision("up", code=1)
    state = desk.folder / "state"
    state.rename(desk.folder / "kept")
    said = desk.provision("rollback", code=1)
    assert "no good start of `change` is kept here" in said and "`--from-head`" in said
    assert "going back to what was started by" in desk.provision("rollback", "--from-head")
    assert "--max-num-seqs 7" in desk.running()
    assert "nothing to change" in desk.provision("rollback", "--from-head")
    kept = "/home/ops/.provision/clusters/change/lab-1/vllm/last-good.json"
    assert desk.lab.host("lab-1").exec(["stat", "-c", "%a %U", kept]).stdout == "600 ops\n"
    desk.lab.host("lab-1").exec(["chmod", "666", kept])
    assert "lab-1 keeps no good start" in desk.provision("rollback", "--from-head", code=1)
