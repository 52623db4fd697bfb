"""An environment is removed on hosts that share a folder, each as it comes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell

#: In the place of a program that is asked after the look whether there is a folder: another host removes it then.
GONE = '#!/bin/sh\nrm -rf "$ENVS"\nexec /usr/bin/stat "$@"\n'


BUSYBOX = pytest.param(("busybox", "sh"), marks=pytest.mark.needs("busybox"))


@pytest.mark.parametrize("sh", [("dash",), ("bash",), BUSYBOX], ids=" ".join)
def test_a_folder_that_another_host_removes_meanwhile_is_removed(tmp_path: Path, sh: tuple[str, ...]) -> None:
    root, programs = tmp_path / "root", tmp_path / "programs"
    (root / "envs").mkdir(parents=True)
    programs.mkdir()
    (programs / "stat").write_text(GONE)
    (programs / "stat").chmod(0o755)
    names = {"root": root, "cluster": "c", "host": "h", "short": "0123456789ab", "tag": "0123456789ab.c.h"}
    given = "".join(f"{name}='{value}'\n" for name, value in names.items())
    body = shell("files/trust.sh", "files/rights.sh", "venv/shared.sh", "venv/left.sh", "venv/remove.sh")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "ENVS": str(root / "envs")}
    done = subprocess.run([*sh, "-c", given + body], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, (root / "envs").exists()) == (0, False), done.stderr
