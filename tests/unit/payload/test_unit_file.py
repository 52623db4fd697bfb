"""A unit that stays: nothing in its text depends on a variable that nobody sets, and of the files of others where it is
put none is touched."""

import os
import subprocess
from pathlib import Path

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


@pytest.mark.parametrize("hardening", ["", "NoNewPrivileges=yes\nUMask=0077"])
def test_what_makes_a_container_itself_is_kept_from_nothing(hardening: str) -> None:
    given = {
        "me": "0", "mark": "a/b/ray", "unit": "provision-a-b-ray.service", "user": "provision", "contained": "yes",
        "kept": "", "dir": "/opt/provision/ray", "hardening": hardening, "PATH": os.defpath,
        **({} if hardening else {"kill_mode": "process"}),
    }  # fmt: skip
    body = f"set -u\n{shell('service/unit_kept.sh', 'service/unit_file.sh')}\nunit_text"
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    above, _, below = done.stdout.partition("TasksMax=infinity\n")
    assert below == (f"{hardening}\n" if hardening else "") + "LimitNOFILE=1048576\nLimitMEMLOCK=infinity\n"
    assert "User=" not in above
    assert f"\nKillMode={'control-group' if hardening else 'process'}\n" in above


@pytest.mark.parametrize("umask", ["000", "077"])
def test_it_is_written_over_nothing_of_somebody_elses(umask: str, tmp_path: Path) -> None:
    unit = "provision-llama-gpu-01-ray.service"
    folder = tmp_path / ".config" / "systemd" / "user"
    folder.mkdir(parents=True)
    (tmp_path / "unit").write_text("[Unit]\n")
    (foreign := folder / f"{unit}.new").write_text("somebody's")
    (planted := folder / ".provision.link").symlink_to(tmp_path / "elsewhere")
    given = {"me": "1000", "unit": unit, "dir": str(tmp_path), "HOME": str(tmp_path), "PATH": os.defpath}
    body = f"umask {umask}\n{shell('service/unit_kept.sh')}\nkept_put && kept_put"
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / unit).read_text() == "[Unit]\n" and (folder / unit).stat().st_mode & 0o777 == 0o644
    assert foreign.read_text() == "somebody's" and not (tmp_path / "elsewhere").exists()
    assert {path.name for path in folder.iterdir()} == {unit, foreign.name, planted.name}


def test_one_that_cannot_be_written_leaves_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "systemd" / "user"
    (folder / "x.service").mkdir(parents=True)
    given = {"me": "1000", "unit": "x.service", "dir": str(tmp_path), "HOME": str(tmp_path), "PATH": os.defpath}
    (tmp_path / "unit").write_text("[Unit]\n")
    body = f"{shell('service/unit_kept.sh')}\nkept_put"
    assert subprocess.run(["sh", "-c", body], env=given, capture_output=True, check=False).returncode == 1
    assert [path.name for path in folder.iterdir()] == ["x.service"]
