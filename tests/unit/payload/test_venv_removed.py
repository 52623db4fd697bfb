"""An environment is removed on hosts that share a folder, each as it comes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.payload.bundle import shell

#: In the place of a program that is asked after the look whether there is a folder: another host removes it then.
GONE = '#!/bin/sh\nrm -rf "$ENVS"\nexec /usr/bin/stat "$@"\n'


def removed(root: Path, sh: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
    names = {"root": root, "cluster": "c", "host": "h", "short": "0123456789ab", "tag": "0123456789ab.c.h"}
    given = "".join(f"{name}='{value}'\n" for name, value in names.items())
    body = shell("files/trust.sh", "files/rights.sh", "venv/shared.sh", "venv/left.sh", "venv/remove.sh")
    return subprocess.run([*sh, "-c", given + body], env=environment, capture_output=True, text=True, check=False)


BUSYBOX = pytest.param(("busybox", "sh"), marks=pytest.mark.needs("busybox"))


@pytest.mark.parametrize("sh", [("dash",), ("bash",), BUSYBOX], ids=" ".join)
def test_a_folder_that_another_host_removes_meanwhile_is_removed(tmp_path: Path, sh: tuple[str, ...]) -> None:
    root, programs = tmp_path / "root", tmp_path / "programs"
    (root / "envs").mkdir(parents=True)
    programs.mkdir()
    (programs / "stat").write_text(GONE)
    (programs / "stat").chmod(0o755)
    done = removed(root, sh, PATH=f"{programs}:{os.environ['PATH']}", ENVS=str(root / "envs"))
    assert (done.returncode, (root / "envs").exists()) == (0, False), done.stderr


@pytest.mark.parametrize("sh", [("dash",), ("bash",), BUSYBOX], ids=" ".join)
@pytest.mark.parametrize("how", ["its environment in use", "its service", "its last good start"])
def test_one_that_another_cluster_uses_stays_and_is_not_told_as_removed(
    tmp_path: Path, how: str, sh: tuple[str, ...]
) -> None:
    environment, former = (tmp_path / "envs" / name for name in ("0123456789ab", "ba9876543210"))
    for place in (environment, former):
        place.mkdir(parents=True)
        (place / ".provision").write_text("digest\nc\n")
    (tmp_path / "envs" / "current-c").symlink_to(environment.name)
    service = tmp_path / "clusters" / "other" / "h" / "vllm"
    service.mkdir(parents=True)
    if how == "its environment in use":
        (tmp_path / "envs" / "current-other").symlink_to(environment.name)
    elif how == "its service":
        (service / "run").write_text(f"exec '{environment}/bin/vllm'\n")
    else:
        (service / "last-good.json").write_text(f"# digest: {environment.name}\n")
    done = removed(tmp_path, sh, PATH=os.environ["PATH"])
    kept = [line for line in done.stdout.splitlines() if line.startswith("::kept")]
    assert kept == ["::kept it stays, since the cluster other uses it"], done.stderr
    assert (done.returncode, environment.is_dir(), former.exists()) == (0, True, False)
    assert not (tmp_path / "envs" / "current-c").is_symlink()
