"""What programs run in, instead of an environment that is built on each host: containers of one image."""

from __future__ import annotations

import posixpath
import re
from typing import Literal

from pydantic import Field

from provision.core.regex import regex
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.section import Scalar, Section

_PLAINLY = (
    *("name", "network", "net", "pid", "ipc", "rm", "detach", "interactive", "tty", "label", "restart", "workdir"),
    *("entrypoint", "log-driver", "log-opt", "cidfile", "init", "pull", "label-file", "sig-proxy", "help"),
    # Podman's.
    *("replace", "pod", "pod-id-file", "rootfs", "http-proxy", "sdnotify", "conmon-pidfile", "pidfile", "userns"),
)

#: Flags of `run` that are provision's own, and where what they are for is said instead.
TAKEN = {
    "env": "`serve.env`, `ray.env` and a host's `env`: they are not shown by `docker inspect`",
    "env-file": "`serve.env`, `ray.env` and a host's `env`",
    "env-host": "`serve.env`, `ray.env` and a host's `env`",
    "volume": "`runtime.mounts`",
    "mount": "`runtime.mounts`",
    "volumes-from": "`runtime.mounts`",
    "user": "`run_as`",
    "shm-size": "the host's own /dev/shm, which Ray and vLLM share: make that one larger",
    **dict.fromkeys(_PLAINLY, ""),
}
_MOVING = regex(r"(?:.*/)?[^/:@]+(?::latest)?\Z")
#: Of an image, as Docker's reference grammar has it: registry, repository, tag or digest.
_NAME = regex(
    r"[a-zA-Z0-9][\w.-]*(?::\d+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z",
    re.ASCII,
)
_MOUNT = regex(r"/[^:\x00-\x1f]*(?::ro)?\Z")
_FLAG = regex(r"-{0,2}[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")

#: Where an image has its own programs, or a container what the kernel tells it. One over it takes these away.
_SYSTEM = (
    *("/", "/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/var"),
    "/var/run",
)
_SOCKETS = (
    *("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock"),
    *("/run/podman/podman.sock", "/var/run/podman/podman.sock"),
)


class Build(Section):
    """An image that is built once, on this machine."""

    context: str = Field(description="the folder that it is built from, relative to the inventory")
    dockerfile: str = Field("Dockerfile", description="what says how, relative to that folder")


class Runtime(Section):
    """Ray and vLLM run in containers of this image. Nothing is installed on the hosts."""

    container: Literal["docker", "podman"] = Field(
        description="what runs the containers: `docker`, or `podman`, without `sudo` that of the user who logs in"
    )
    image: str = Field(
        "",
        description="the image, as a file that `docker save` or `podman save` has written, relative to the inventory: "
        "`./vllm.tar`; with `pull`, its name and version: `vllm/vllm-openai:v0.33.0`. Which one it is, the lock keeps",
    )
    build: Build | None = Field(None, description="instead of `image`: a folder with a Dockerfile")
    pull: Literal["", "controller", "registry"] = Field(
        "",
        description="how hosts get an image that is named: `controller` pulls it once and sends it over SSH, with "
        "`registry` each host pulls it by its digest",
    )
    args: dict[str, Scalar | tuple[Scalar, ...]] = Field(
        {}, description="additional flags of `docker run` or `podman run`, without the dashes"
    )
    mounts: tuple[str, ...] = Field(
        (), description="folders of the host that containers see at the same path; `:ro` behind one: read-only"
    )


def check_runtime(root: YamlNode, problems: Problems) -> None:
    """`root` is the checked file."""
    runtime = root.find("runtime")
    if runtime is None or not runtime.is_mapping:
        return
    image, packages, args, mounts, build, pull, container = (root.find(*path) for path in _LOOKED_AT)
    engine = "podman" if container is not None and container.text == "podman" else "docker"
    if (image is None or not image.text) == (build is None):
        which = "both `image` and `build` are" if build is not None else "neither `image` nor `build` is"
        problems.value(
            runtime, f"{which} given, expected one of them", "write `image: ./vllm.tar`, or `build: {context: ./image}`"
        )
    named = bool(pull is not None and pull.text) and image is not None
    if pull is not None and pull.text and (build is not None or (image is not None and is_archive(image.text))):
        said = (
            f"`{pull.text}` says how an image is pulled, and this one is {'built' if build is not None else 'a file'}"
        )
        problems.value(pull, said, "leave it out: hosts are sent the image from here")
    elif named and image is not None and (_MOVING.match(image.text) or not _NAME.match(image.text)):
        moving = (
            "names no version: it is another image each time" if _MOVING.match(image.text) else "is no name of an image"
        )
        problems.value(image, f"`{image.text}` {moving}", "write it with its version: `vllm/vllm-openai:v0.33.0`")
    elif image is not None and image.text and not named and not is_archive(image.text):
        moving = " names no version: it is another image each time" if _MOVING.match(image.text) else ""
        problems.value(
            image,
            f"`{image.text}`{moving or f' is no file that `{engine} save` has written'}, expected such a file",
            f"{engine} save -o vllm.tar vllm/vllm-openai:v0.33.0, then `image: ./vllm.tar`; or `pull: controller`",
        )
    if packages is not None and packages.value:
        problems.value(packages, "packages come with `runtime.image`, and none are installed", "leave one of them out")
    for name, node in (args.children if args is not None else {}).items():
        if (hint := TAKEN.get(name.lstrip("-"))) is not None:
            problems.value(node, f"`{name}` is provision's to set for its containers", hint and f"see {hint}")
        elif not _FLAG.match(name) or len(name.lstrip("-")) == 1:
            said = f"`{name}` is no flag of `{engine} run` by its long name, expected one without its value"
            problems.value(node, said, "write `cpus: 4` for `--cpus=4`")
    for node in mounts.value if mounts is not None and mounts.is_list else ():
        if not _MOUNT.match(node.text):
            problems.value(node, f"`{node.text}` is no absolute path", "write `/data/models`, or `/data/models:ro`")
            continue
        place = "/" + posixpath.normpath(node.text.removesuffix(":ro")).lstrip("/")
        if place in _SYSTEM:
            said = f"`{node.text}` would hide what the image or the container has there, expected a folder of data"
            problems.value(node, said, "name the folder that is needed, such as `/data/models`")
        elif place in _SOCKETS:
            said = f"`{node.text}` lets whoever is in a container be root on the host, expected a folder of data"
            problems.value(node, said, "leave it out")


_LOOKED_AT = (
    *(("runtime", "image"), ("python", "packages"), ("runtime", "args"), ("runtime", "mounts")),
    *(("runtime", "build"), ("runtime", "pull"), ("runtime", "container")),
)


def is_name(image: str) -> bool:
    """Whether a registry may have an image of that name."""
    return bool(_NAME.match(image))


def is_archive(image: str) -> bool:
    return image.endswith(".tar")
