"""Secrets that programs tell: run when a secret is needed and at no other time, and what they say is shown nowhere."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provision.core.errors import InventoryError
from provision.core.secret import Secret
from provision.inventory import load, programs, read_secrets, read_sudo_password

HEAD = "cluster: a\nhosts: {one: {address: 10.0.0.1, role: head}}\n"
#: Decrypts nothing: it says what it was asked, and where.
STAND_IN_SOPS = """#!/bin/sh
# A stand-in for sops.
[ "$1" = --decrypt ] || exit 9
shift
[ "$1" != --extract ] || { echo "extract $2 of $3"; exit 0; }
[ "${1##*/}" != broken ] || { echo "canary-on-stdout"; echo "no key could decrypt the data" >&2; exit 128; }
cat "$1"
"""


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    (folder / "sops").write_text(STAND_IN_SOPS)
    (folder / "sops").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")
    return folder


def reads(write, source: str) -> Secret:
    return read_secrets(load(write(f"{HEAD}secrets: {{A: {source}}}\n")))["A"]


def refused(write, source: str) -> tuple[str, str]:
    with pytest.raises(InventoryError) as caught:
        reads(write, source)
    (problem,) = caught.value.problems
    return problem.message, problem.hint


def test_a_command_is_run_by_a_shell_in_the_folder_of_the_inventory(write, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("one\ntwo\n")
    assert reads(write, "{command: head -n 1 kept | tr a-z A-Z}") == Secret("ONE")


def test_a_password_for_sudo_may_come_of_a_command(write) -> None:
    assert read_sudo_password(load(write(f"{HEAD}sudo_password: {{command: echo pw}}\n"))) == Secret("pw")


def test_a_command_is_not_run_by_loading_an_inventory(write, tmp_path: Path) -> None:
    text = f"{HEAD}secrets: {{A: {{command: echo x | tee ran}}}}\nsudo_password: {{command: echo x | tee ran}}\n"
    for require in (True, False):
        loaded = load(write(text), require_secrets=require)
    assert not (tmp_path / "ran").exists()
    read_secrets(loaded)
    assert (tmp_path / "ran").read_text() == "x\n"


def test_what_a_command_that_fails_says_is_shown_and_what_it_prints_is_not(write) -> None:
    message, hint = refused(write, "{command: 'false canary-argument; echo canary; echo locked >&2; exit 3'}")
    assert (message, hint) == ("the command `false` failed (exit code 3): locked", "run it by hand")


def runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_that_does_not_end_is_stopped_with_all_that_it_started(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "TIMEOUT", 0.5)
    message, _ = refused(write, "{command: 'sleep 600 & echo $! > pid; wait'}")
    assert message == "the command `sleep` was still running after 0.5 s and was stopped"
    pid = (tmp_path / "pid").read_text().strip()
    # Killed it is, and on a busy machine not yet gone.
    deadline = time.monotonic() + 60
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(pid)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("'true'", "what the program prints holds no secret"),
        ("head -c 70000 /dev/zero", "what the program prints is larger than 65536 bytes"),
        ("printf '\\377'", "what the program prints is not UTF-8 text"),
        ("no-such-program-9c1", "the command `no-such-program-9c1` failed (exit code 127)"),
    ],
)
def test_what_is_no_secret_is_refused(write, command: str, message: str) -> None:
    assert refused(write, f"{{command: {command}}}")[0].startswith(message)


def test_sops_is_asked_for_a_file_or_for_what_is_in_it(write, tmp_path: Path, stand_ins: Path) -> None:
    (tmp_path / "secret.bin").write_text("all of it\n")
    assert reads(write, "{sops: secret.bin}") == Secret("all of it")
    assert reads(write, "{sops: s.yaml, key: hub.token}") == Secret(f'extract ["hub"]["token"] of {tmp_path}/s.yaml')
    message, _ = refused(write, "{sops: broken}")
    assert message == "`sops` failed (exit code 128): no key could decrypt the data"


def test_a_program_that_is_missing_is_named(write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(write, "{sops: a}")[0] == "the program `sops` is not installed here"
    message, hint = refused(write, "{vault: a}")
    assert message == "the program `ansible-vault` is not installed here"
    assert hint == "install ansible-core, or name another source"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{env: HOME, key: a}", "`key` is for `vault` and `sops`"),
        ("{sops: a, password_file: b}", "`password_file` is for `vault`"),
        (
            "{vault: a, sops: b}",
            "should name one of `env`, `file`, `command`, `vault` and `sops`, found `vault` and `sops`",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_when_the_inventory_is_read(problems, source: str, message: str) -> None:
    (problem,) = problems(f"{HEAD}secrets: {{A: {source}}}\n")
    assert problem.message == message


VAULT = shutil.which("ansible-vault", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")


@pytest.mark.skipif(not VAULT, reason="ansible-vault is not installed: pip install ansible-core")
def test_the_real_ansible_vault_decrypts_a_file_and_what_is_in_it(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(str(VAULT)).parent}:{os.defpath}")
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "vars.yml").write_text("hub: {token: hf_canary}\nnumber: 17\n")
    (tmp_path / "alone").write_text("just this\n")
    (tmp_path / "password").chmod(0o600)
    for name in ("vars.yml", "alone"):
        command = [str(VAULT), "encrypt", "--vault-password-file", str(tmp_path / "password"), str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True)
    with_password = "password_file: password"
    assert reads(write, f"{{vault: vars.yml, key: hub.token, {with_password}}}") == Secret("hf_canary")
    assert reads(write, f"{{vault: alone, {with_password}}}") == Secret("just this")
    message, _ = refused(write, f"{{vault: vars.yml, key: hub.nothing, {with_password}}}")
    assert message == f"`{tmp_path}/vars.yml` has no text at `hub.nothing`"
    (tmp_path / "password").write_text("wrong\n")
    message, _ = refused(write, f"{{vault: alone, {with_password}}}")
    assert message.startswith("`ansible-vault` failed (exit code 1): ")
    assert "just this" not in message


def test_a_vaults_password_that_others_could_read_is_not_used(write, stand_ins: Path, tmp_path: Path) -> None:
    (stand_ins / "ansible-vault").write_text("#!/bin/sh\necho plain\n")
    (stand_ins / "ansible-vault").chmod(0o755)
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    source = "{vault: vars.yml, password_file: password}"
    (tmp_path / "vars.yml").touch()
    password.chmod(0o640)
    assert refused(write, source) == (f"`{password}` is open to others (mode 0640)", f"chmod 600 {password}")
    for mode in (0o600, 0o755):  # the latter tells the password, as ansible has it, and holds none
        password.chmod(mode)
        assert reads(write, source) == Secret("plain")
