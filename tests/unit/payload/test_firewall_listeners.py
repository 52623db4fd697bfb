"""Which listeners are the cluster's own: also where root may not look at what processes of others have open."""

import os
import subprocess

import pytest

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
            assert (f":{port:04X}\n" in done.stdout) is expected
    finally:
        process.communicate("")
