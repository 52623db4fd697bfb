"""What `export compose` writes runs in containers of a lab's real Docker. There is no Docker Compose here: a stand-in
of a few lines does with `docker run` what the keys of the file say. Ray and vLLM are stand-ins, too."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin_stack import RAY, VLLM

from provision.lab.image import write_image
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.long, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
KEY, TOKEN = "k3y-of-the-containers", "0123456789abcdef-token"
DONE = "service_completed_successfully"


def packages(folder: Path) -> None:
    """Ray and vLLM, where an image has its own packages."""
    for name, source in (("ray", RAY), ("vllm", VLLM)):
        module = folder / "usr/lib/python3/dist-packages" / name / "__init__.py"
        module.parent.mkdir(parents=True)
        module.write_text(source)
        program = folder / "usr/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/usr/bin/python3\nimport {name}\n{name}.main()\n")
        program.chmod(0o755)


def stand_in_for_compose(document: dict[str, Any], folder: str) -> list[str]:
    """A command for each service: of those that others wait for, one that ends."""
    awaited = {
        name
        for service in document["services"].values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == DONE
    }
    found = []
    for name, service in document["services"].items():
        entry, *arguments = [word.replace("$$", "$") for word in (*service["entrypoint"], *service["command"])]
        words = ["docker", "run", "--name", name, "--network", service["network_mode"], "--ipc", service["ipc"]]
        words += ["--rm"] if name in awaited else ["-d", "--restart", service["restart"]]
        for variable, value in service["environment"].items():
            words += ["-e", f"{variable}={value.replace('$$', '$')}"]
        for volume in service["volumes"]:
            words += ["-v", volume.replace("./", f"{folder}/", 1) if volume.startswith("./") else volume]
        for secret in service.get("secrets", ()):
            file = document["secrets"][secret]["file"].removeprefix("./")
            words += ["-v", f"{folder}/{file}:/run/secrets/{secret}:ro"]
        # `ulimits` are left out: a lab's host may not raise any.
        words += ["--gpus", "all"] if "deploy" in service else []
        found.append(shlex.join([*words, "--entrypoint", entry, service["image"], *arguments]))
    return found


def test_its_services_wait_for_each_other_and_answer_who_has_the_key(tmp_path: Path) -> None:
    lab = Lab(name=f"test-boxes-{os.getpid()}")
    try:
        lab.up(hosts=1, gpus=2, containers="docker")
        host = lab.host("lab-1")
        upper = lab.directory / "hosts/lab-1/upper"
        base = next(path for path in sorted(lab.root.glob("base-*")) if (path / "usr/sbin/dockerd").exists())
        packages(tmp_path / "layer")
        write_image(
            upper / "image.tar", "stand-in:1", [base, tmp_path / "layer"], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )
        settings = yaml.safe_load(lab.inventory.read_text()) | {
            "cluster": "boxed",
            "serve": {"model": "/srv/tiny", "tensor_parallel": 1, "pipeline_parallel": 1, "ready_timeout": 60},
            "secrets": {"VLLM_API_KEY": {"env": "KEY_OF_THE_BOXES"}},
        }
        (tmp_path / "inventory.yaml").write_text(json.dumps(settings))
        command = [PROVISION, "export", "compose", "--image", "stand-in:1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

        def run(line: str) -> str:
            said = host.exec(["sh", "-c", line], timeout=300)
            assert said.returncode == 0, f"{line}\n{said.stdout}{said.stderr}"
            return said.stdout

        (tmp_path / "boxed-compose" / "lab-1" / "secrets").mkdir(mode=0o700)
        (tmp_path / "boxed-compose" / "lab-1" / "secrets" / "ray-token").write_text(TOKEN)
        (tmp_path / "boxed-compose" / "lab-1" / "secrets" / "vllm.secrets").write_text(f"VLLM_API_KEY={KEY}\n")
        write_tiny_model(tmp_path / "boxed-compose" / "model")
        packed = subprocess.run(
            ["tar", "-C", tmp_path / "boxed-compose", "-cf", "-", "."], capture_output=True, check=True
        )
        enter = ["nsenter", "--target", str(host.pid), "--mount", "--pid", "--root", "--wd", "--"]
        unpack = "mkdir -p /srv/it && tar -C /srv/it -xf - && mv /srv/it/model /srv/tiny"
        subprocess.run([*enter, "sh", "-c", unpack], input=packed.stdout, check=True)
        run("docker load -i /image.tar")
        document = yaml.safe_load((tmp_path / "boxed-compose" / "lab-1" / "compose.yaml").read_text())
        for line in stand_in_for_compose(document, "/srv/it/lab-1"):
            run(line)
        ask = "curl -s -o /dev/null -w '%{http_code}' -d '{}' --retry 30 --retry-delay 1 --retry-connrefused"
        url = f"http://{host.address}:8000/v1/completions"
        assert run(f"{ask} -H 'Authorization: Bearer {KEY}' {url}") == "200"
        assert run(f"{ask} -H 'Authorization: Bearer another' {url}") == "401"
        shown = run("docker inspect ray vllm; cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert KEY not in shown and TOKEN not in shown
        assert run("docker exec vllm nvidia-smi -L").count("GPU ") == 2
        run("docker rm -f vllm ray")
    finally:
        lab.down()
