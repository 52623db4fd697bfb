"""An image as a host's shell is asked about it, with a stand-in for the engine in `folder`."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Literal

from provision.environment.lockfile import Lock
from provision.inventory.runtime import Runtime
from provision.resources.image import Image


def image_sample(folder: Path, container: Literal["docker", "podman"], digest: str, **lock: str) -> Image:
    """`lock`: what its lock has beside the digest. Its file is an empty one."""
    archive = folder / "a.tar"
    archive.write_text("")
    return Image(
        lock=Lock(folder / "c.lock", "", "3.12", "linux/amd64", {"ray": "2.60.0"}, {}, digest, **lock),
        runtime=Runtime(container=container, image="./a.tar"),
        archive=archive,
        root=str(folder / "root"),
        folder=str(folder / f"root/clusters/demo/gpu-01/image/{digest[:12]}"),
        cluster="demo",
        host="gpu-01",
        user=getpass.getuser(),
        plain="/usr/bin/python3",
    )
