"""Whose settings uv goes by on a host, where root builds the environment: sudo leaves it in another user's home."""

import os
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell

UV = """#!/bin/sh
pwd
"""


@pytest.mark.needs("root")
def test_root_does_not_read_the_uv_settings_of_the_user_who_logged_in(tmp_path: Path) -> None:
    (uv := tmp_path / "uv").write_text(UV)
    uv.chmod(0o755)
    (tmp_path / "uv.toml").write_text('python-downloads-json-url = "https://elsewhere.example/"')
    given = {
        "PATH": os.defpath,
        "root": str(tmp_path / "root"),
        "short": "1f2e",
        "cluster": "c",
        "tag": "t",
        "uv": str(uv),
    }
    text = shell("venv/shared.sh") + '\n"$uv"'
    done = subprocess.run(["sh", "-c", text], cwd=tmp_path, env=given, capture_output=True, text=True, check=True)
    assert done.stdout == "/\n"
