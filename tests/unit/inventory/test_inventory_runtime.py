"""`runtime`: an image in a file, flags that are not ours, and paths that are paths."""

import pytest

SMALL = "cluster: demo\nhosts: {a: 10.0.0.1}\n"


def test_nothing_said_is_an_environment(read):
    assert read(SMALL).runtime is None


def test_what_it_says(read):
    text = "runtime: {container: docker, image: ./vllm.tar, args: {cpus: 4}, mounts: [/data/models, '/srv:ro']}\n"
    said = read(SMALL + text).runtime
    assert (said.container, said.image) == ("docker", "./vllm.tar")
    assert (dict(said.args), said.mounts) == ({"cpus": 4}, ("/data/models", "/srv:ro"))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("vllm/vllm-openai", "names no version: it is another image each time"),
        ("vllm/vllm-openai:latest", "names no version: it is another image each time"),
        ("registry:5000/vllm", "names no version: it is another image each time"),
        ("vllm/vllm-openai:v0.33.0", "is no file that `docker save` has written"),
    ],
)
def test_an_image_is_a_file(problem, image, said):
    _, path, message, hint = problem(SMALL + f"runtime: {{container: docker, image: '{image}'}}\n")
    assert path == "runtime.image"
    assert said in message
    assert "docker save -o vllm.tar" in hint


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        ("", "runtime", "neither `image` nor `build` is given"),
        ("image: ./a.tar, build: {context: ./image}", "runtime", "both `image` and `build` are given"),
        ("image: ./a.tar, pull: registry", "runtime.pull", "this one is a file"),
        ("build: {context: ./image}, pull: controller", "runtime.pull", "this one is built"),
        ("image: 'vllm/vllm-openai:latest', pull: registry", "runtime.image", "names no version"),
        ("image: vllm/vllm-openai, pull: controller", "runtime.image", "names no version"),
        ("image: '--all:v1', pull: controller", "runtime.image", "is no name of an image"),
        ("image: 'a b:v1', pull: controller", "runtime.image", "is no name of an image"),
    ],
)
def test_where_it_comes_from_is_said_once(problem, settings, path, said):
    _, where, message, _ = problem(SMALL + f"runtime: {{container: docker{settings and ', '}{settings}}}\n")
    assert where == path
    assert said in message


@pytest.mark.parametrize(
    "image", ["vllm/vllm-openai:v0.33.0", "registry.local:5000/a/b:1", f"a@sha256:{'0' * 64}", "localhost/a:1"]
)
def test_one_with_a_version_may_be_pulled(read, image):
    assert read(SMALL + f"runtime: {{container: docker, image: '{image}', pull: registry}}\n").runtime.image == image


def test_one_may_be_built(read):
    said = read(SMALL + "runtime: {container: docker, build: {context: ./image}}\n").runtime
    assert (said.build.context, said.build.dockerfile, said.image) == ("./image", "Dockerfile", "")


def test_what_cannot_run_them_is_named(problem):
    _, path, message, _ = problem(SMALL + "runtime: {container: lxc, image: ./a.tar}\n")
    assert path == "runtime.container"
    assert "docker" in message and "podman" in message


def test_podman_is_said_in_its_own_words(read, problem):
    assert read(SMALL + "runtime: {container: podman, image: ./a.tar}\n").runtime.container == "podman"
    _, _, message, hint = problem(SMALL + "runtime: {container: podman, image: 'a/b:v1'}\n")
    assert "is no file that `podman save` has written" in message
    assert "podman save -o vllm.tar" in hint
    _, _, message, _ = problem(SMALL + "runtime: {container: podman, image: ./a.tar, args: {'cpus 4': x}}\n")
    assert "is no flag of `podman run`" in message


@pytest.mark.parametrize(
    ("flag", "where"),
    [("env", "serve.env"), ("volume", "runtime.mounts"), ("shm-size", "/dev/shm"), ("network", ""), ("replace", "")],
)
def test_flags_of_ours_are_refused(problem, flag, where):
    _, path, message, hint = problem(SMALL + f"runtime: {{container: docker, image: ./a.tar, args: {{{flag}: x}}}}\n")
    assert path == f"runtime.args.{flag}"
    assert "provision's to set" in message
    assert where in (hint or "")


@pytest.mark.parametrize("flag", ["v", "-v", "volume=/srv", "--env=A=b", "cpus 4", ""])
def test_a_flag_is_a_long_name_without_a_value(problem, flag):
    _, _, message, hint = problem(SMALL + f"runtime: {{container: docker, image: ./a.tar, args: {{'{flag}': x}}}}\n")
    assert f"`{flag}` is no flag of `docker run` by its long name" in message
    assert "cpus: 4" in hint


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        ("/", "would hide"),
        ("//", "would hide"),
        ("/data/..:ro", "would hide"),
        ("/usr/", "would hide"),
        ("/run/docker.sock", "be root on the host"),
        ("/var//run/docker.sock:ro", "be root on the host"),
        ("/run/podman/podman.sock", "be root on the host"),
    ],
)
def test_a_mount_that_takes_away_what_a_container_is_refused(problem, mount, why):
    _, path, message, _ = problem(SMALL + f"runtime: {{container: docker, image: ./a.tar, mounts: ['{mount}']}}\n")
    assert path == "runtime.mounts[0]"
    assert why in message


def test_a_mount_is_a_path(problem):
    _, path, message, _ = problem(SMALL + "runtime: {container: docker, image: ./a.tar, mounts: [models]}\n")
    assert (path, message) == ("runtime.mounts[0]", "`models` is no absolute path")


def test_packages_are_those_of_the_image(problem):
    text = "runtime: {container: docker, image: ./a.tar}\npython: {packages: [vllm]}\n"
    assert problem(SMALL + text)[1] == "python.packages"
