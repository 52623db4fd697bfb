"""The folder of a service is nobody else's, and so are those above that are made for it, whatever the umask; and so is
the folder that it fills elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import LIBRARY


@pytest.mark.parametrize("umask", ["000", "002", "022", "077"])
@pytest.mark.parametrize(("user", "mode"), [("", 0o700), ("nobody", 0o755)])
def test_nobody_else_can_write_in_it_or_above(umask: str, user: str, mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "clusters" / "llama" / "gpu-01" / "ray"
    body = f"umask {umask}\n{shell(*LIBRARY, 'service/folder.sh')}\nown_folder"
    given = {"dir": str(folder), "user": user, "PATH": os.defpath, "mark": "m", "runtimes": "", "unit": "u"}
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    modes = [
        path.stat().st_mode & 0o777 for path in (folder, *folder.parents) if path.is_relative_to(tmp_path / "root")
    ]
    assert modes == [0o700, *[mode] * 4]


@pytest.mark.parametrize("planted", ["mkdir -m 777", "ln -s /", "mkdir -m 700"])
def test_what_somebody_puts_in_its_place_between_the_look_and_the_making_is_not_taken(
    planted: str, tmp_path: Path
) -> None:
    (tmp_path / "scratch").symlink_to("/nowhere")
    race = f'clear_scratch() {{ rm -f -- "$scratch"; {planted} "$scratch"; }}'
    body = f"{shell(*LIBRARY, 'service/scratch.sh')}\n{race}\nown_scratch && echo taken"
    given = {"scratch": f"{tmp_path}/scratch", "former": "", "user": "", "PATH": os.defpath, "runtimes": ""}
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and done.stdout == "" and "exists" in done.stderr


@pytest.mark.parametrize("before", ["nothing", "ours", "open", "a link"])
def test_what_is_there_is_taken_if_it_is_ours_alone_and_made_anew_otherwise(before: str, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (kept := tmp_path / "kept").mkdir()
    (kept / "file").touch()
    if before in ("ours", "open"):
        scratch.mkdir(mode=0o700)
        (scratch / "file").touch()
        scratch.chmod(0o700 if before == "ours" else 0o777)
    elif before == "a link":
        scratch.symlink_to(kept)
    body = f"umask 000\n{shell(*LIBRARY, 'service/scratch.sh')}\nown_scratch"
    given = {"scratch": str(scratch), "former": "", "user": "", "PATH": os.defpath, "runtimes": ""}
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not scratch.is_symlink() and scratch.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in scratch.iterdir()] == (["file"] if before == "ours" else [])
    assert (kept / "file").exists()
