"""Whose settings uv goes by on a host, where root builds the environment: sudo leaves it in another user's home."""

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.script import environment
from provision.environment.ambient import reaching
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


@pytest.mark.needs("mount")
def test_a_root_where_programs_cannot_be_run_is_named_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    text = shell("venv/imports.sh") + "\ncan_run && echo built"
    given = {"PATH": os.environ["PATH"], "root": str(tmp_path), "cache": str(tmp_path / "cache")}

    def run(*before: str) -> subprocess.CompletedProcess[str]:
        command = [*before, "sh", "-c", text]
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    assert run().stdout == "built\n"
    # In a mount namespace of its own, so that nothing is left.
    mounting = 'mount -t tmpfs -o noexec tmpfs "$cache" && exec "$@"'
    done = run("unshare", "-m", "sh", "-c", mounting, "sh")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr == f"programs cannot be run in {tmp_path}: its file system is mounted noexec\n"


def test_uv_finds_what_reaches_an_index_and_nothing_else_of_a_login(tmp_path: Path) -> None:
    reach = reaching({"HTTPS_PROXY": "http://it's:1", "no_proxy": "a", "NCCL_DEBUG": "INFO", "UV_LINK_MODE": "copy"})
    # curl reads `http_proxy`, and not the name in capitals.
    both = {"HTTPS_PROXY": "http://it's:1", "https_proxy": "http://it's:1", "no_proxy": "a", "NO_PROXY": "a"}
    assert dict(reach) == both
    login = {
        "UV_RESOLUTION": "lowest",
        "UV_INDEX_MINE_PASSWORD": "kept",
        "PIP_PRE": "1",
        "PYTHONPATH": "/elsewhere",
        "SSL_CERT_FILE": "/kept.pem",
        "all_proxy": "http://kept:1",
        "VIRTUAL_ENV": "/elsewhere",
    }
    given = {name: str(value) for name, value in environment(dict(reach)).items()}
    text = "set -e\n" + shell("environment.sh", "venv/sealed.sh") + "\nenv"
    variables = {"PATH": os.defpath, "root": str(tmp_path), "cache": str(tmp_path / "cache"), **given}
    done = subprocess.run(["sh", "-c", text], env={**login, **variables}, capture_output=True, text=True, check=True)
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    kept = {"UV_INDEX_MINE_PASSWORD", "SSL_CERT_FILE", "all_proxy"}
    assert {name: found.get(name) for name in login} == {n: v if n in kept else None for n, v in login.items()}
    assert {name: found.get(name) for name, _ in reach} == dict(reach)
    assert (found["UV_NO_CONFIG"], found["UV_LINK_MODE"], found["UV_CACHE_DIR"]) == (
        "1",
        "hardlink",
        f"{tmp_path}/cache",
    )
