"""The README's first command, as a person runs it: on lab hosts as root, and on loopback hosts."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from clusters import PROVISION

from provision.lab.tiny_model import ANSWER


def traces() -> dict[str, list[str]]:
    """What of a lab could stay behind on this machine."""

    def listed(*command: str) -> list[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()

    ours = re.compile(r"ray::|raylet|vllm|VLLM|gcs_server|provision.lab|sshd.*provision")
    return {
        "namespaces": listed("ip", "netns", "list"),
        "links": [line.split(":")[1].strip() for line in listed("ip", "-o", "link")],
        "mounts": [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()],
        "rules": listed("iptables", "-S"),
        "processes": [line for line in listed("ps", "-eo", "args=") if ours.search(line)],
        "shared memory": sorted(path.name for path in Path("/dev/shm").glob("psm_*")),
        "temporary": sorted(path.name for path in Path("/tmp").glob("provision-??????????")),
    }


@pytest.mark.parametrize("options", [[], ["--rootless"]], ids=["lab hosts", "loopback hosts"])
def test_one_command_does_the_whole_job_and_leaves_nothing(options: list[str], state_dir: Path) -> None:
    if os.geteuid() != 0 and not options:
        pytest.skip("lab hosts with their own network need root")
    before = traces()
    run = subprocess.run(
        [PROVISION, "demo", *options],
        env={**os.environ, "PROVISION_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Ray counts 2 of 2 nodes and 2 of 2 GPUs" in run.stdout
    for host in ("lab-1", "lab-2"):
        assert re.search(rf"{host} +ranks of the model that run here: 1 of 1", run.stdout)
    assert f"  < {ANSWER}" in run.stdout
    assert "nothing to change (2 hosts" in run.stdout
    assert "in sync (2 hosts" in run.stdout
    assert traces() == before
