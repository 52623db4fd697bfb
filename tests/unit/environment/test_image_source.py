"""An image that is built or pulled on this machine: what Docker is asked for, what is kept, and when it is made anew.
Docker is a stand-in that writes an image of the lab's own making."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from provision.core.errors import LockError
from provision.environment.image_lock import image_lock_for, image_news, make_image_lock
from provision.environment.image_source import archive_of, inputs_of
from provision.inventory.runtime import Build, Runtime
from provision.lab.image import write_image

STAND_IN = f"""#!{sys.executable}
# A stand-in for docker and podman, for this test alone.
import json, os, shutil, sys
here = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
with open(here + "/asked", "a") as file:
    file.write(json.dumps([words, sorted(os.environ)]) + "\\n")
if os.path.exists(here + "/fails"):
    sys.exit(open(here + "/fails").read())
if words[0] == "save":
    shutil.copyfile(here + "/ready.tar", words[words.index("--output") + 1])
if words[:2] == ["image", "inspect"]:
    print("other/name@sha256:" + "0" * 64 + "\\nacme/vllm@sha256:" + "1" * 64)
"""
BUILT = Runtime(container="docker", build=Build(context="./image"))
NAMED = "docker.io/acme/vllm:v1"


class Here:
    def __init__(self, folder: Path) -> None:
        self.folder, self.lock, self.bin = folder, folder / "c.lock", folder / "bin"
        self.bin.mkdir()
        for client in ("docker", "podman"):
            (self.bin / client).write_text(STAND_IN)
            (self.bin / client).chmod(0o755)
        (folder / "image").mkdir()
        (folder / "image/Dockerfile").write_text("FROM scratch\n")
        self.comes()

    def comes(self, *more: str, **variables: str) -> str:
        layer = self.folder / f"layer{len(list(self.folder.glob('layer*')))}"
        for name in ("ray-2.60.0", "vllm-0.33.0"):
            (layer / f"usr/lib/python3.12/site-packages/{name}.dist-info").mkdir(parents=True)
        for name in more:
            (layer / name).parent.mkdir(parents=True, exist_ok=True)
            (layer / name).write_text("")
        return write_image(self.bin / "ready.tar", "a:1", [layer], variables).removeprefix("sha256:")

    def asked(self) -> str:
        asked = self.bin / "asked"
        return asked.read_text() if asked.exists() else ""

    def up(self, runtime: Runtime = BUILT):
        return image_lock_for(runtime, self.lock, base=self.folder, make=True, say=lambda _: None)

    def check(self, runtime: Runtime = BUILT) -> str:
        return image_lock_for(runtime, self.lock, base=self.folder, make=False, say=lambda _: None).stale


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    return Here(tmp_path)


def test_it_is_built_once_and_the_same_file_is_kept_for_every_host(here: Here) -> None:
    digest = here.comes("etc/one")
    made = here.up()
    assert made.digest == digest
    assert archive_of(BUILT, here.lock, here.folder) == here.folder / "c.image.tar"
    assert (here.folder / "c.image.tar").read_bytes() == (here.bin / "ready.tar").read_bytes()
    before = here.asked()
    assert before.count('["build"') == 1
    assert here.up() == made
    assert here.check() == ""
    assert here.asked() == before, "Docker is not asked again"


def test_no_secret_of_this_machine_reaches_the_build(here: Here) -> None:
    here.up()
    assert "PATH" in here.asked()
    assert "HF_TOKEN" not in here.asked()


def test_other_files_make_it_anew_and_nothing_but_up_does(here: Here) -> None:
    first = here.up()
    (here.folder / "image/requirements.txt").write_text("x\n")
    here.comes("etc/two")
    asked = here.asked()
    assert here.check() == "made from other files than `./image` has now"
    assert image_news(BUILT, here.lock, base=here.folder) == (
        "the image is made from other files than `./image` has now",
    )
    assert here.asked() == asked
    assert here.up().digest != first.digest
    assert here.check() == ""


def test_down_needs_nothing_of_what_it_was_built_from(here: Here) -> None:
    made = here.up()
    (here.folder / "image/Dockerfile").unlink()
    found = image_lock_for(BUILT, here.lock, base=here.folder, make=False, say=lambda _: None, removes=True)
    assert found == made
    with pytest.raises(LockError, match=r"there is no .*Dockerfile"):
        here.check()


@pytest.mark.parametrize(
    ("patterns", "name", "counts"),
    [
        ("", "a.txt", True),
        ("*.txt\n", "a.txt", False),
        ("*.txt\n", "deep/a.txt", True),
        ("**/*.txt\n", "deep/a.txt", False),
        ("# all\n*\n!keep\n", "keep", True),
        ("*\n!keep\n", "other", False),
        ("/deep\n", "deep/er/a.txt", False),
        ("a.tx?\n", "a.txt", False),
    ],
)
def test_what_dockerignore_leaves_out_is_no_input(here: Here, patterns: str, name: str, counts: bool) -> None:
    (here.folder / "image/.dockerignore").write_text(patterns)
    before = inputs_of(BUILT, here.folder)
    (here.folder / "image" / name).parent.mkdir(parents=True, exist_ok=True)
    (here.folder / "image" / name).write_text("x")
    assert (inputs_of(BUILT, here.folder) != before) is counts


@pytest.mark.parametrize(
    ("files", "variables", "said"),
    [
        (("root/.cache/huggingface/token",), {}, "the file `root/.cache/huggingface/token`"),
        (("app/.env",), {}, "the file `app/.env`"),
        ((), {"HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz"}, "the variable `HF_TOKEN`"),
    ],
)
def test_what_was_built_with_a_secret_in_it_is_refused_and_not_kept(here: Here, files, variables, said: str) -> None:
    here.comes(*files, **variables)
    with pytest.raises(LockError) as caught:
        here.up()
    assert said in caught.value.message
    assert "hf_abc" not in caught.value.message
    assert "--mount=type=secret" in (caught.value.hint or "")
    assert not here.lock.exists()
    assert list(here.folder.glob("*.tar")) == list(here.folder.glob("*.part")) == []


def test_one_that_the_controller_pulls_is_kept_as_a_file(here: Here) -> None:
    named = Runtime(container="docker", image=NAMED, pull="controller")
    made = here.up(named)
    assert (here.folder / "c.image.tar").is_file()
    assert made.pulled == ""
    assert f'["pull", "--quiet", "{NAMED}"]' in here.asked()
    assert "made from another image" in here.check(named.model_copy(update={"image": "acme/vllm:v2"}))


def test_one_that_hosts_pull_is_known_by_the_registrys_digest_and_no_file_is_kept(here: Here) -> None:
    named = Runtime(container="docker", image=NAMED, pull="registry")
    made = make_image_lock(named, here.lock, base=here.folder)
    assert made.pulled == f"acme/vllm@sha256:{'1' * 64}"
    assert list(here.folder.glob("*.tar")) == list(here.folder.glob("*.part")) == []
    assert here.check(named) == ""
    assert here.check(named.model_copy(update={"pull": "controller"})) == "made for another `runtime.pull`"


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("vllm:v1", "docker.io/library/vllm:v1"),
        ("acme/vllm:v1", "docker.io/acme/vllm:v1"),
        ("quay.io/acme/vllm:v1", "quay.io/acme/vllm:v1"),
        ("registry:5000/vllm:v1", "registry:5000/vllm:v1"),
        ("localhost/vllm:v1", "localhost/vllm:v1"),
    ],
)
def test_a_name_means_the_same_image_to_podman(here: Here, image: str, asked: str) -> None:
    here.up(Runtime(container="podman", image=image, pull="controller"))
    assert f'["pull", "--quiet", "{asked}"]' in here.asked()


def test_what_podman_cannot_do_is_said_of_podman(here: Here) -> None:
    (here.bin / "fails").write_text("Error: writing blob: no space left on device")
    with pytest.raises(LockError, match="`podman pull` failed") as caught:
        here.up(Runtime(container="podman", image=NAMED, pull="controller"))
    assert "podman system df" in (caught.value.hint or "")
    (here.bin / "podman").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(here.bin))
        with pytest.raises(LockError, match="podman is not installed here") as caught:
            here.up(Runtime(container="podman", image=NAMED, pull="controller"))
    assert "CONTAINER_HOST=ssh://" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "DOCKER_HOST=ssh://HOST"),
        ("write /layer.tar: no space left on device", "docker system df"),
        ("error from registry: denied: requested access to the resource is denied", "docker login"),
    ],
)
def test_what_fails_is_said_with_what_to_do(here: Here, said: str, hint: str) -> None:
    (here.bin / "fails").write_text(f"first\n{said}")
    with pytest.raises(LockError, match="`docker pull` failed") as caught:
        here.up(Runtime(container="docker", image=NAMED, pull="controller"))
    assert said in "\n".join(caught.value.evidence)
    assert hint in (caught.value.hint or "")


def test_without_docker_here_it_is_said_what_else_there_is(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(here.folder / "nowhere"))
    with pytest.raises(LockError, match="docker is not installed here") as caught:
        here.up()
    assert "`image: ./FILE.tar` needs none" in (caught.value.hint or "")


def test_a_pipe_among_what_it_is_built_from_is_not_waited_for(tmp_path: Path) -> None:
    runtime = Runtime(container="docker", build=Build(context="."))
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    before = inputs_of(runtime, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=lambda: found.append(inputs_of(runtime, tmp_path)), daemon=True)
    found: list[str] = []
    thread.start()
    thread.join(20)
    assert found and found[0] != before
