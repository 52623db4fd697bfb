"""The text of a unit that stays: nothing in it depends on a variable that nobody sets."""

import os
import subprocess

import pytest

from provision.payload.bundle import shell


@pytest.mark.parametrize(("number", "target"), [("0", "multi-user.target"), ("1000", "default.target")])
def test_it_is_wanted_at_boot_by_whoever_starts_it(number: str, target: str) -> None:
    given = {
        "me": number, "mark": "llama/gpu-01/ray", "unit": "provision-llama-gpu-01-ray.service", "user": "",
        "kept": "yes", "dir": "/opt/provision/ray", "hardening": "NoNewPrivileges=yes", "HOME": "/home/ops",
        "PATH": os.defpath,
    }  # fmt: skip
    body = f"set -u\n{shell('service/unit_kept.sh', 'service/unit_file.sh')}\nunit_text"
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"[Install]\nWantedBy={target}\n")
