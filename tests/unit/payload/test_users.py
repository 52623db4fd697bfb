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


@pytest.mark.parametrize(
    ("program", "dropped"), [("/{}/env/bin/python", False), ("python", True), ("env/bin/python", True)]
)
def test_rights_are_kept_only_for_a_program_of_an_image_by_its_whole_path(
    program: str, dropped: bool, tmp_path: Path
) -> None:
    """In a folder that somebody else can write, anybody could say that it is an image's."""
    (tmp_path / "env/bin").mkdir(parents=True)
    (tmp_path / "env/contained").touch()
    (tmp_path / "python").mkdir()
    (tmp_path / "python/contained").touch()
    (tmp_path / "env/bin/python").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "env/bin/python").chmod(0o755)
    (tmp_path / "path").mkdir()
    (tmp_path / "path/id").symlink_to(shutil.which("id") or "")
    path = program.format(str(tmp_path).lstrip("/"))
    environment = {"PATH": str(tmp_path / "path"), "user": "somebody"}
    body = f"{shell('users.sh')}\nas_user {path}"
    done = subprocess.run(
        ["/bin/sh", "-c", body], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ("no setpriv" in done.stderr, done.stdout) == (dropped, "" if dropped else "ran\n")
