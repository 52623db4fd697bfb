"""Which listeners are the cluster's own: also where root may not look at what processes of others have open."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provision.facts.network import read_listener
from provision.payload.bundle import shell

SERVER = """
import os, socket
sock = socket.create_server(("0.0.0.0", 0))
print(sock.getsockname()[1], flush=True)
os.read(0, 1)
"""
NOBODY = 65534

#: As root in many containers.
CONTAINED = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")


def ports(printed: str) -> set[int]:
    found = [read_listener(line) for line in printed.splitlines()]
    assert None not in found
    return {listener.port for listener in found if listener is not None}


@pytest.mark.needs("ip")  # with it comes `ss`
def test_with_ss_and_without_it_the_same_is_said(tmp_path: Path) -> None:
    """For /proc/net/tcp the kernel goes through all connections that there could be, so it is asked where ss is not."""
    mark = f"listeners{os.getpid()}/"
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", SERVER],
        env={"PATH": os.defpath, "PROVISION_SERVICE": f"{mark}ray"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for name in ("sh", "awk", "cat", "grep", "id", "ls", "stat"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        said = []
        for path in (os.defpath, str(tmp_path)):
            body = f"{shell('firewall/listeners.sh')}\nlisteners own"
            environment = {"PATH": path, "whose": mark}
            done = subprocess.run(["sh", "-c", body], env=environment, capture_output=True, text=True, check=True)
            said.append(done.stdout)
        assert said == [f"0.0.0.0:{port}\n", f"00000000:{port:04X}\n"]
        assert [ports(one) for one in said] == [{port}, {port}]
    finally:
        process.communicate("")


@pytest.mark.needs("root")
@pytest.mark.parametrize("way", [(), CONTAINED], ids=["root", "root in a container"])
@pytest.mark.parametrize("mark", ["gpus/gpu-01/vllm", "others/gpu-01/vllm"])
def test_what_another_user_listens_on_with_the_mark_is_the_clusters_and_all_else_is_not(
    mark: str, way: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", SERVER],
        env={"PATH": os.defpath, "PROVISION_SERVICE": mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for asked, expected in (("own", mark.startswith("gpus/")), ("", not mark.startswith("gpus/"))):
            body = f'{shell("firewall/listeners.sh")}\nlisteners "{asked}"'
            environment = {"PATH": os.defpath, "whose": "gpus/"}
            done = subprocess.run([*way, "sh", "-c", body], env=environment, capture_output=True, text=True, check=True)
            assert done.stderr == ""
            assert (port in ports(done.stdout)) is expected
    finally:
        process.communicate("")
