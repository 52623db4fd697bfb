"""Secrets that a program tells: a command of the inventory's author, ansible-vault, sops.

What a program prints is the secret, and is shown nowhere; what it says on standard error is shown if it fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml

from provision.core.private import open_to_others
from provision.inventory.models import SecretSource

#: Seconds: a person may have to type a passphrase, or touch a key.
TIMEOUT = 120.0

#: Lines of standard error that are shown.
_LINES = 6


class ProgramFailed(ValueError):
    """It told no secret. `hint` can be typed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def told(source: SecretSource, folder: Path, limit: int) -> bytes:
    """What the program of `source` prints, run in `folder`; at most `limit` bytes and one. Raises ProgramFailed."""
    if source.command is not None:
        return _run(["/bin/sh", "-c", source.command], folder, limit, f"the command `{_first(source.command)}`")
    if source.vault is not None:
        return _vault(source, folder, limit)
    return _sops(source, folder, limit)


def _vault(source: SecretSource, folder: Path, limit: int) -> bytes:
    command = [_program("ansible-vault", "ansible-core"), "decrypt", "--output", "-"]
    if source.password_file:
        path = folder / source.password_file
        # One that can be run is no password, but tells one.
        if (mode := open_to_others(path)) and not os.access(path, os.X_OK):
            raise ProgramFailed(f"`{path}` is open to others (mode {mode})", f"chmod 600 {shlex.quote(str(path))}")
        command += ["--vault-password-file", source.password_file]
    said = _run([*command, str(source.vault)], folder, limit if not source.key else 1 << 20, "`ansible-vault`")
    return said if not source.key else _picked(said, source.key, str(source.vault))


def _sops(source: SecretSource, folder: Path, limit: int) -> bytes:
    command = [_program("sops", "sops (https://getsops.io)"), "--decrypt"]
    if source.key:
        # sops's own way to write a path: ["a"]["b"].
        command += ["--extract", "".join(f"[{json.dumps(part)}]" for part in source.key.split("."))]
    return _run([*command, str(source.sops)], folder, limit, "`sops`")


def _picked(text: bytes, key: str, file: str) -> bytes:
    """What stands at `key`, parts joined by dots, in YAML or JSON. Raises ProgramFailed, which repeats no `text`."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        hint = "leave `key` out, if all of the file is the secret"
        raise ProgramFailed(f"what `{file}` holds is no YAML", hint) from None
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, (dict, list, bool)):
        raise ProgramFailed(f"`{file}` has no text at `{key}`", f"ansible-vault view {shlex.quote(file)}")
    return str(value).encode()


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if not found:
        raise ProgramFailed(f"the program `{name}` is not installed here", f"install {package}, or name another source")
    return found


def _run(command: Sequence[str], folder: Path, limit: int, called: str) -> bytes:
    try:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ProgramFailed(f"{called} cannot be run: {(error.strerror or str(error)).lower()}") from None
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        message = f"{called} was still running after {TIMEOUT:g} s and was stopped"
        raise ProgramFailed(message, "run it by hand") from None
    finally:
        # Whatever it has left behind, too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if process.returncode:
        said = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
        why = f": {'; '.join(said[-_LINES:])[:500]}" if said else ""
        raise ProgramFailed(f"{called} failed (exit code {process.returncode}){why}", "run it by hand")
    return out[: limit + 1]


def _first(command: str) -> str:
    """The program's name alone: what follows may be a secret by itself."""
    words = command.split()
    return words[0] if words else ""
