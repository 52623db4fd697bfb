"""Where root cannot act for another user, it says why, and does not do it as root instead."""

import shutil
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell


@pytest.mark.parametrize(("call", "whom"), [("as_user echo done", "somebody"), ("as_uid 4242 echo done", "user 4242")])
def test_without_setpriv_nothing_is_done_and_the_package_is_named(call: str, whom: str, tmp_path: Path) -> None:
    (tmp_path / "id").symlink_to(shutil.which("id") or "")
    body = f"{shell('users.sh')}\n{call}"
    environment = {"PATH": str(tmp_path), "user": "somebody"}
    done = subprocess.run(["/bin/sh", "-c", body], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"root cannot act for {whom}: there is no setpriv (package util-linux)\n"
