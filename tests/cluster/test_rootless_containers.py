"""Real Ray and real vLLM in containers of an ordinary user's Podman, on two lab hosts, without sudo. With the stand-in
stack: tests/hosts/test_rootless_podman.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clusters import Cluster

from provision.lab.cpu_vllm import lab_settings
from provision.lab.demo import MODEL
from provision.lab.demo_image import write_demo_image
from provision.lab.lab import default_root
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.long, pytest.mark.needs("lab")]

#: Of the user's own systemd.
SYSTEMD = "/run/user/1000/systemd/private"


@pytest.fixture(scope="module")
def rootless(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("image")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    settings = lab_settings(folder / "wheels", model=MODEL)
    python = settings.pop("python")
    assert isinstance(python, dict)
    image = write_demo_image(folder, default_root(), "podman", python, print)
    settings |= {"sudo": False, "runtime": {"container": "podman", "image": str(image)}}
    made = make_cluster("rootless", hosts=2, gpus=1, settings=settings, layers=(folder / "layer",), containers="podman")
    for name in ("lab-1", "lab-2"):
        host = made.host(name)
        host.exec(["loginctl", "enable-linger", "ops"])
        assert made.eventually(lambda host=host: host.exec(["test", "-S", SYSTEMD]).returncode == 0, 90)
    return made


def test_the_model_answers_across_both_hosts(rootless: Cluster) -> None:
    result = rootless.provision("up", timeout=1200)
    assert result.code == 0, result.stderr + str(result.report)
    assert "Ray counts 2 of 2 nodes and 2 of 2 GPUs" in result.text
    done = rootless.provision("smoke")
    assert done.code == 0, done.stderr
    for name in ("lab-1", "lab-2"):
        assert rootless.host(name).exec(["podman", "ps", "-aq"]).stdout == "", "root's Podman has no part in it"
        ray = rootless.host(name).exec(["sh", "-c", "ps -eo user:20,args | grep [r]aylet/raylet"]).stdout
        assert {line.split()[0] for line in ray.splitlines()} == {"ops"}


def test_a_second_up_changes_nothing_and_check_is_in_sync(rootless: Cluster) -> None:
    result = rootless.provision("up")
    assert (result.code, result.changes) == (0, [])
    assert rootless.provision("check").code == 0


def test_down_leaves_nothing_running(rootless: Cluster) -> None:
    assert rootless.provision("down").code == 0
    for name in ("lab-1", "lab-2"):
        assert rootless.processes(name, r"raylet|gcs_server|vllm") == []
