"""A program of an image: what the engine is asked for, and what reaches the container. The engine is a stand-in that
writes down its words and runs the container's command here."""

from __future__ import annotations

import getpass
import json
import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from provision.environment.lockfile import Lock
from provision.inventory.runtime import Runtime
from provision.resources.image import Image

DIGEST = "ab" * 32
STAND_IN = f"""#!{sys.executable}
# A stand-in for docker, for this test alone: there is no container.
import json, os, subprocess, sys
words = sys.argv[1:]
with open(os.environ["STAND_IN"] + ".env", "w") as file:
    file.write("\\n".join(os.environ))
with open(os.environ["STAND_IN"], "a") as file:
    file.write(json.dumps(words) + "\\n")
if words[0] == "container":
    label = os.environ.get("STAND_IN_LABEL")
    print(label or "")
    sys.exit(0 if label is not None else 1)
if words[0] == "ps":
    print(os.environ.get("STAND_IN_LEFT", ""))
if words[0] == "run":
    command = words[words.index("sha256:{DIGEST}") + 1 :]
    sys.exit(subprocess.run(command, env={{"PATH": "/usr/bin:/bin"}}).returncode)
"""


class Run:
    def __init__(self, folder: Path, image: Image) -> None:
        self.folder, self.said = folder, folder / "said"
        engine = folder / "docker"
        engine.write_text(STAND_IN)
        engine.chmod(0o755)
        (folder / "bin").mkdir()
        for name in ("python", "ray"):
            program = folder / "bin" / name
            program.write_text(image.program().replace("engine=docker", f"engine={engine}"))
            program.chmod(0o755)

    def __call__(self, name: str, *words: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "STAND_IN": str(self.said), **variables}
        return subprocess.run(
            [self.folder / "bin" / name, *words],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in self.said.read_text().splitlines()]


def image(folder: Path, **more: object) -> Image:
    runtime = Runtime(container="docker", image="./a.tar", args=dict(more.pop("args", {})))  # type: ignore[call-overload]
    return Image(
        lock=Lock(folder / "c.lock", "", "3.12", "linux/amd64", {"ray": "2.60.0"}, {}, DIGEST),
        runtime=runtime,
        archive=folder / "a.tar",
        root="/opt/provision",
        folder=str(folder),
        cluster="demo",
        host="gpu-01",
        user=getpass.getuser(),
        plain="/usr/bin/python3",
        **more,  # type: ignore[arg-type]
    )


def test_a_program_has_its_environment_and_its_input(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    odd = 'it\'s $HOME "quoted"\nand `more`'
    code = "import os, sys; print(os.environ['ODD'] == sys.argv[1], os.environ['PATH'])"
    done = run("python", "-I", "-", odd, text=code, ODD=odd)
    assert done.stdout == "True /usr/bin:/bin\n", done.stderr


@pytest.mark.parametrize("name", ["CONTAINERS_STORAGE_CONF", "CONTAINER_HOST", "XDG_DATA_HOME", "DOCKER_HOST"])
def test_a_variable_is_the_containers_and_leads_the_engine_nowhere_else(tmp_path: Path, name: str) -> None:
    run = Run(tmp_path, image(tmp_path))
    done = run("python", "-c", f"import os; print(os.environ['{name}'])", **{name: "/elsewhere"})
    assert done.stdout == "/elsewhere\n", done.stderr
    assert name not in (tmp_path / "said.env").read_text().split()


def test_no_secret_is_among_its_words(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    done = run(
        "python", "-c", "import os; print(os.environ['KEY'][:3])", KEY="sk-canary", PROVISION_SERVICE="demo/h/ray"
    )
    assert done.stdout == "sk-\n", done.stderr
    assert "canary" not in run.said.read_text()


def test_a_service_is_known_by_name_and_label(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    run("python", "-c", "", PROVISION_SERVICE="demo/gpu-01/ray")
    *_, words = run.asked()
    assert words[:5] == ["run", "--name", "provision-demo-gpu-01-ray", "--label", "provision=demo/gpu-01/ray"]
    assert ["--user", f"{os.getuid()}:{os.getgid()}"] == words[words.index("--user") :][:2]
    for flag in ("--cap-drop", "--rm", "--interactive"):
        assert flag in words
    assert "--privileged" not in words


def test_what_is_left_of_the_one_before_is_removed(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    run("python", "-c", "", PROVISION_SERVICE="demo/gpu-01/ray", STAND_IN_LABEL="demo/gpu-01/ray")
    assert run.asked()[1] == ["rm", "--force", "provision-demo-gpu-01-ray"]


def test_what_a_removal_that_was_cut_off_has_left_is_removed(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    run("python", "-c", "", PROVISION_SERVICE="demo/gpu-01/ray", STAND_IN_LEFT="ef01\nef02")
    _, asked, removed, started = run.asked()
    assert asked[-1] == "label=provision=demo/gpu-01/ray"
    assert removed == ["rm", "--force", "ef01", "ef02"]
    assert started[0] == "run"


def test_somebody_elses_container_is_not(tmp_path: Path) -> None:
    run = Run(tmp_path, image(tmp_path))
    done = run("python", "-c", "", PROVISION_SERVICE="demo/gpu-01/ray", STAND_IN_LABEL="another")
    assert done.returncode == 1
    assert "the container provision-demo-gpu-01-ray is not provision's" in done.stderr
    assert [words[0] for words in run.asked()] == ["container"]


def test_only_folders_that_are_there_are_mounted(tmp_path: Path) -> None:
    """Docker would make the others, as root."""
    odd = tmp_path / "a folder"
    odd.mkdir()
    run = Run(tmp_path, image(tmp_path, mounts=(f"{odd}:ro", f"{tmp_path}", "/not/there")))
    run("python", "-c", "")
    words = run.asked()[-1]
    mounted = [word for flag, word in pairwise(words) if flag == "--volume"]
    assert mounted == [f"{odd}:{odd}:ro", f"{tmp_path}:{tmp_path}"]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"gpus": True}, ["--gpus", "all"]),
        ({"devices": ("/dev/infiniband",)}, ["--device", "/dev/infiniband", "--ulimit", "memlock=-1"]),
        ({"args": {"cpus": 4}}, ["--cpus", "4"]),
        ({"args": {"privileged": True, "read-only": False}}, ["--privileged"]),
        ({"args": {"device": ("/dev/a", "/dev/b c")}}, ["--device", "/dev/a", "--device", "/dev/b c"]),
    ],
)
def test_flags_of_the_host_and_of_the_inventory(tmp_path: Path, more: dict[str, object], wanted: list[str]) -> None:
    run = Run(tmp_path, image(tmp_path, **more))
    run("python", "-c", "")
    words = run.asked()[-1]
    at = words.index(f"sha256:{DIGEST}")
    assert words[at - len(wanted) : at] == wanted


def test_the_programs_can_be_run_and_not_changed_by_others(tmp_path: Path) -> None:
    mode = stat.S_IMODE((Run(tmp_path, image(tmp_path)).folder / "bin/ray").stat().st_mode)
    assert mode == 0o755
