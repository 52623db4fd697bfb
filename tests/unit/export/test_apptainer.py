"""`export script` in Apptainer, run with a stand-in for it that notes what it is told: no container is started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cluster_samples import cluster, facts

from provision.core.errors import UsageError
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.export import apptainer
from provision.export.export import ExportTerms, exported
from provision.export.writing import write
from provision.inventory.models import Serve
from provision.stack.backends import DEFAULT
from provision.stack.exposed import guarded

KEY = "sk-never-in-an-argument"
TOKEN = "token-never-in-an-argument"
PINNED = f"docker://vllm/vllm-openai@sha256:{'3f' * 32}"

STAND_IN = """#!/bin/sh
# A stand-in for Apptainer: notes what it is told. `pull` writes a file; `exec` notes its environment, and runs nothing.
printf '%s\\n' "$*" >> "$NOTED"
case $1 in
pull) [ ! -e "$REFUSES" ] || { echo "FATAL: manifest unknown"; exit 255; }; echo image > "$2" ;;
exec) env > "$NOTED.environment" ;;
esac
"""


class Host:
    """gpu-01 of an export, written to a folder of this machine and installed below it."""

    def __init__(self, folder: Path, image: str, program: str = "apptainer") -> None:
        (folder / "bin").mkdir()
        (folder / "models/tiny").mkdir(parents=True)
        (folder / "models/tiny/config.json").touch()
        self.stand_in = folder / "bin" / program
        self.stand_in.write_text(STAND_IN)
        self.stand_in.chmod(0o755)
        root = str(folder / "root")
        serve = Serve(model=str(folder / "models/tiny"), tensor_parallel=2, pipeline_parallel=2)
        made = cluster(
            serve=serve,
            secrets={"VLLM_API_KEY": Secret(KEY, "VLLM_API_KEY")},
            head=facts("10.0.0.1", root=root),
            worker=facts("10.0.0.2", root=root),
            root=root,
        )
        playbook = guarded(PlaybookFile(built_in(DEFAULT), like=built_in(DEFAULT)).load(), removes=False)
        self.export = exported(ExportTerms("script", image=image), made, playbook, asked=True, unknown=())
        write(self.export.files, folder / "out")
        self.folder, self.out, self.noted = folder, folder / "out/gpu-01", folder / "noted"
        self.services = folder / "root/clusters/llama/gpu-01"
        for path in self.export.secrets["gpu-01"]:
            Path(path.path).parent.mkdir(parents=True, exist_ok=True)
            Path(path.path).write_text(f"VLLM_API_KEY={KEY}\n" if path.names else f"{TOKEN}\n")

    def run(self, name: str, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", self.out / name, *words],
            env={
                "PATH": path or f"{self.stand_in.parent}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "NOTED": str(self.noted),
                "REFUSES": str(self.folder / "refuses"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def said(self) -> list[str]:
        return self.noted.read_text().splitlines() if self.noted.exists() else []


@pytest.mark.parametrize("program", ["apptainer", "singularity"])
def test_each_host_fetches_the_image_once_by_its_digest(tmp_path: Path, program: str) -> None:
    host = Host(tmp_path, PINNED, program)
    done = host.run("install.sh")
    assert (done.returncode, done.stdout) == (0, "gpu-01 is ready: ./run.sh start\n"), done.stderr
    (file,) = host.services.glob("image-*")
    assert host.said() == [f"pull {file}.part {PINNED}"]
    assert host.run("install.sh").returncode == 0
    assert len(host.said()) == 1


def test_one_that_is_not_fetched_leaves_nothing_and_the_next_time_is_through(tmp_path: Path) -> None:
    host = Host(tmp_path, PINNED)
    (tmp_path / "refuses").touch()
    done = host.run("install.sh")
    assert done.returncode == 1
    assert "manifest unknown" in done.stderr and f"{PINNED} was not fetched" in done.stderr
    assert not list(host.services.glob("image-*"))
    (tmp_path / "refuses").unlink()
    assert host.run("install.sh").returncode == 0


def test_a_service_runs_in_it_with_its_gpus_folders_and_variables_and_no_secret_in_an_argument(tmp_path: Path) -> None:
    host = Host(tmp_path, PINNED)
    assert host.run("install.sh").returncode == 0
    for name, program in (("ray.sh", "ray"), ("vllm.sh", "vllm")):
        host.noted.unlink()
        done = host.run(name)
        assert done.returncode == 0, done.stderr
        (said,) = host.said()
        image = next(host.services.glob("image-*.sif"))
        before, _, after = said.partition(f" {image} ")
        assert before.startswith("exec --nv --bind ")
        assert f"--bind {host.services}" in before and f"--bind {tmp_path}/models/tiny" in before
        assert program in after and "/envs/" not in after, "the image has one of its own"
        variables = (tmp_path / "noted.environment").read_text()
        assert "VLLM_HOST_IP=10.0.0.1" in variables.split("\n")
        for secret in (KEY, TOKEN):
            assert secret not in said + variables


def test_without_apptainer_it_is_said_first(tmp_path: Path) -> None:
    host = Host(tmp_path, PINNED)
    host.stand_in.unlink()
    done = host.run("install.sh", path="/usr/bin:/bin")
    assert done.returncode == 1
    assert "neither apptainer nor singularity" in done.stderr


def test_an_image_in_a_file_has_to_be_there(tmp_path: Path) -> None:
    host = Host(tmp_path, f"{tmp_path}/vllm.sif")
    done = host.run("install.sh")
    assert (done.returncode, done.stderr) == (3, f"missing: the image {tmp_path}/vllm.sif\n")
    (tmp_path / "vllm.sif").touch()
    assert host.run("install.sh").returncode == 0
    assert host.said() == []


def test_its_readme_says_what_every_host_needs(tmp_path: Path) -> None:
    text = Host(tmp_path, PINNED).export.files["README.md"].text
    assert "Every host needs Apptainer (or Singularity)" in text and f"fetches `{PINNED}`" in text


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("docker://vllm/vllm-openai", "names no version"),
        ("docker://vllm/vllm-openai:latest", "names no version"),
        ("docker://registry.example:5000/vllm", "names no version"),
        ("docker://ops:hunter2@registry.example/vllm:1", "has a password in it"),
        ("docker://vllm:1; reboot", "is no address"),
        ("file:///srv/vllm.sif", "is no address"),
        ("vllm/vllm-openai:v0.33.0", "expected an absolute path"),
        ("./vllm.sif", "expected an absolute path"),
    ],
)
def test_what_no_host_could_be_told_is_refused(image: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        apptainer.refuse(image)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "image", [PINNED, "/srv/vllm.sif", "oras://r.example:5000/a/vllm:1", "https://a.example/v.sif"]
)
def test_what_hosts_can_be_told_is_taken(image: str) -> None:
    apptainer.refuse(image)
