"""The lab's environment, built once for all tests that are not about building it: a read-only layer of their hosts."""

import subprocess
from pathlib import Path
from typing import Any

from clusters import Cluster

from provision.lab.cpu_vllm import lab_settings
from provision.lab.lab import Lab
from provision.lab.state import locked

#: Below a lab host's root.
ROOT = "home/ops/.provision"

PLAYBOOK = """
from provision.core.playbook import Playbook
from provision.stack.ray import Stack


def playbook(cluster):
    book = Playbook()
    for node in cluster.nodes:
        book.add(Stack(cluster).venv(node), on=node.name)
    return book
"""


def stack_settings(session: Path, *, compiled: bool = False, **serve: Any) -> dict[str, Any]:
    """As `lab_settings`, the same environment whoever asks: its wheels lie in one folder of the session. `compiled`:
    where it is not the layer and its services may not write into it; each process would compile all it imports."""
    settings: dict[str, Any] = lab_settings(session / "wheels", **serve)
    settings["python"]["compile"] = compiled
    return settings


def environment_layer(session: Path) -> Path:
    """A folder to put below a host's root: the environment of `stack_settings`, as `up` has built it, not yet in use.
    Made at the first call, whichever worker's it is."""
    layer = session / "environment"
    with locked(session / "environment.lock"):
        if not layer.exists():
            _build(session, layer)
    return layer


def _build(session: Path, layer: Path) -> None:
    playbook = session / "environment_alone.py"
    session.mkdir(parents=True, exist_ok=True)
    playbook.write_text(PLAYBOOK)
    # Compiled once here, and not by each host of each test at its first start.
    settings = {"python": stack_settings(session, compiled=True, model="/model")["python"]}
    lab = Lab(name="test-environment")
    lab.down()
    try:
        lab.up(hosts=1, gpus=0, settings=settings, init="sshd")
        result = Cluster(lab, session / "environment-state").provision("up", "--playbook", str(playbook))
        assert result.code == 0, result.stderr
        # The upper layer of a mounted overlay must be left alone.
        lab.host("lab-1").kill()
        built = lab.directory / "hosts" / "lab-1" / "upper" / ROOT
        part = layer.with_name("environment.part")
        (part / ROOT).mkdir(parents=True)
        for folder in ("envs", "bin"):
            subprocess.run(["mv", built / folder, part / ROOT], check=True)
        for link in (part / ROOT / "envs").glob("current-*"):
            link.unlink()
        for path in (part / "home/ops", part / ROOT):
            subprocess.run(["chown", "--reference", built.parent, path], check=True)
        part.rename(layer)
    finally:
        lab.down()
