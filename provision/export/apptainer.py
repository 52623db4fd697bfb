"""`export script` with an image: Apptainer, or the Singularity that it comes from, which as an ordinary user has the
host's network, processes, devices and home folder."""

from __future__ import annotations

import hashlib
import re

from provision.core.errors import UsageError
from provision.core.regex import regex
from provision.core.urls import masked
from provision.export.layout import HostLayout

#: What `apptainer pull` fetches from. https://apptainer.org/docs/user/main/cli/apptainer_pull.html
_ADDRESS = regex(r"(docker|oras|library|https)://[A-Za-z0-9][\w@%+=:,./-]*\Z", re.ASCII)
#: With a version or a digest behind the last slash: without, it is another image each time. A file has its own name.
_PINNED = regex(r"https://.*|.*/[^/]*(?:@sha256:[0-9a-f]{64}|:(?!latest\Z)[\w.-]+)\Z", re.ASCII)


def refuse(image: str) -> None:
    """Raises UsageError for what no host could be told to run."""
    if "://" not in image:
        if not image.startswith("/"):
            hint = f"`docker://{image}` has each host fetch it" if ":" in image else "name it as the hosts have it"
            raise UsageError(
                f"the image is `{image}`, expected an absolute path on the hosts, or an address", hint=hint
            )
        return
    if masked(image) != image:
        raise UsageError(
            f"`{masked(image)}` has a password in it, and is an argument on the hosts",
            hint="`apptainer registry login` on each host, as whoever installs",
        )
    if not _ADDRESS.match(image):
        raise UsageError(
            f"`{image}` is no address of an image", hint="write docker://NAME:VERSION, or name a .sif file"
        )
    if not _PINNED.match(image):
        raise UsageError(
            f"`{image}` names no version: it is another image each time",
            hint="write it with its version, or its digest: `docker://vllm/vllm-openai@sha256:…`",
        )


def file_of(host: HostLayout, image: str) -> str:
    """The file on the host: an image that is fetched has one of its own, by its address."""
    if "://" not in image:
        return image
    return f"{host.folder}/image-{hashlib.sha256(image.encode()).hexdigest()[:12]}.sif"


def values(host: HostLayout, image: str) -> dict[str, str]:
    """What install.sh is told of it."""
    return {"image": file_of(host, image), "image_from": image if "://" in image else "", "apptainer": _program(host)}


def command(host: HostLayout, image: str) -> tuple[str, ...]:
    """https://apptainer.org/docs/user/main/cli/apptainer_exec.html: /tmp, /dev and the home folder are there anyway."""
    places = [host.folder, *host.folders, *([host.model.folder] if host.model else [])]
    gpus = ("--nv",) if host.gpus else ()
    binds = (word for place in places for word in ("--bind", place))
    return (_program(host), "exec", *gpus, *binds, file_of(host, image))


def _program(host: HostLayout) -> str:
    """A link that install.sh makes: whoever installs may have it by a module, and services have no PATH of theirs."""
    return f"{host.folder}/apptainer"
