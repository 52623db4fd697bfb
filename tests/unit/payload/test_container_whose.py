"""In which container a process is, by the shells of hosts. The folders of /proc and the engine are stand-ins."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell

ID = "0123456789abcdef" * 4
OTHER = "fe" * 32
STAND_IN = """#!/bin/sh
# A stand-in for docker and podman, for this test alone.
for last; do :; done
case $0,$4 in */podman,*StartedAt}}*) ABOUT='node-1 a 2026-11-29 09:12:31.518922432 +0000 UTC ' ;; esac
case $1 in
container) [ "$last" = "$KNOWN" ] && printf '%s\\n' "$ABOUT" "more" ;;
ps) case $4,$5 in --filter,publish=8000/tcp) echo "$KNOWN" ;; esac ;;
esac
"""


@pytest.fixture(params=["dash", "bash"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path, str(request.param))


class Host:
    def __init__(self, folder: Path, sh: str) -> None:
        self.folder, self.sh = folder, sh
        for engine in ("docker", "podman"):
            (folder / engine).write_text(STAND_IN)
            (folder / engine).chmod(0o755)

    def process(self, pid: int, cgroup: str, *command: str) -> None:
        place = self.folder / "proc" / str(pid)
        place.mkdir(parents=True)
        (place / "cgroup").write_text(cgroup)
        (place / "cmdline").write_text("".join(f"{word}\0" for word in command))

    def at(self, *words: str, about: str = "/node-1 vllm/vllm-openai:v0.10.0 2026-11-29T09:12:31.5Z ") -> str:
        body = shell("container/whose.sh").replace("/proc/", f"{self.folder}/proc/").replace("-d/ -f3", "-d/ -f$FIELD")
        field = str(len(self.folder.parts) + 2)
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", "KNOWN": ID, "ABOUT": about, "FIELD": field}
        command = [self.sh, "-c", f'{body}\ncontainer_at "$@"', "sh", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.rstrip("\n")


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/system.slice/docker-{ID}.scope/init.scope\n",
        f"12:pids:/docker/{ID}\n11:cpu,cpuacct:/docker/{ID}\n0::/\n",
        f"12:pids:/docker/{ID}/docker/{OTHER}\n",
    ],
    ids=["systemd", "a tree of its own", "version 1", "one in another"],
)
def test_a_container_of_docker_is_told_with_name_image_and_since_when(host: Host, cgroup: str) -> None:
    host.process(7, cgroup)
    assert host.at("6379", "7") == "docker node-1 vllm/vllm-openai:v0.10.0 2026-11-29T09:12 -"


def test_one_of_compose_is_told_with_its_project(host: Host) -> None:
    host.process(7, f"0::/system.slice/docker-{ID}.scope\n")
    said = host.at("6379", "7", about="/ray-head a/b@sha256:abc 2026-11-29T09:12:31.5Z guide")
    assert said == "docker ray-head a/b@sha256:abc 2026-11-29T09:12 guide"


def test_a_label_says_nothing_of_another_port(host: Host) -> None:
    """Some shells take a backslash for more; containers have the labels of their image."""
    host.process(7, f"0::/system.slice/docker-{ID}.scope\n", "--port=6379")
    label = r"x\nport\0406379\040(use)=free"
    for words in (("6379", "7"), ("6379",)):
        assert host.at(*words, about=f"/a b 2026-11-29T09:12:31.5Z {label}").endswith(
            f"docker a b 2026-11-29T09:12 {label}"
        )
    # Nor does what is printed of it in the end.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        about = f"docker a b - x\\nport\\040{port}\\040(use)=free"
        stubs = "read_stamp() { return 1; }; each_of_ours() { :; }; container_at() { printf '%s\\n' \"$about\"; }\n"
        environment = {"PATH": os.environ["PATH"], "address": "127.0.0.1", "entries": f"{port} use", "about": about}
        command = [host.sh, "-c", stubs + shell("service/ports.sh")]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    assert said.count("\n") == 1 and said.endswith(f"{about}\n")


@pytest.mark.parametrize(
    ("cgroup", "said"),
    [
        (f"0::/system.slice/docker-{OTHER}.scope\n", f"docker {OTHER[:12]} - - -"),
        (
            f"0::/machine.slice/libpod-{ID}.scope/container\n",
            "podman node-1 vllm/vllm-openai:v0.10.0 2026-11-29T09:12 -",
        ),
        (f"0::/user.slice/user-1000.slice/user@1000.service/docker-{ID}.scope\n", f"rootless-docker {ID[:12]} - - -"),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", f"kubernetes {ID[:12]} - - -"),
        ("0::/user.slice/user-0.slice/session-1.scope\n", ""),
        ("", ""),
    ],
    ids=["unknown to docker", "podman", "a user's own", "kubernetes", "none", "gone"],
)
def test_others_are_told_as_far_as_they_are_known(host: Host, cgroup: str, said: str) -> None:
    host.process(7, cgroup)
    assert host.at("6379", "7") == said


def test_a_published_port_is_that_of_who_publishes_it(host: Host) -> None:
    host.process(7, "0::/system.slice/docker.service\n", "docker-proxy", "-host-port", "8000")
    assert host.at("8000", "7").startswith("docker node-1 ")
    assert host.at("8001", "7") == ""


def test_whose_socket_is_hidden_is_told_by_its_command_line_as_no_proof(host: Host) -> None:
    host.process(6, "0::/user.slice\n", "vim", "--port=6379")
    host.process(7, f"0::/system.slice/docker-{ID}.scope\n", "bash", "-c", "ray start --block --head --port=6379")
    assert host.at("6379").startswith("perhaps docker node-1 ")
    assert host.at("637") == "", "is another port"
