"""Secrets that a program tells: a command of the inventory's author, ansible-vault, sops.

What a program prints is the secret, and is shown nowhere; what it says on standard error is shown if it fails.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import yaml

from provision.core.private import open_to_others
from provision.inventory.models import SecretSource
from provision.inventory.programs import ProgramFailed, run


def told(source: SecretSource, folder: Path, limit: int) -> bytes:
    """What the program of `source` prints, run in `folder`; at most `limit` bytes and one. Raises ProgramFailed."""
    if source.command is not None:
        return run(["/bin/sh", "-c", source.command], folder, limit, f"the command `{_first(source.command)}`")
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
    said = run([*command, str(source.vault)], folder, limit if not source.key else 1 << 20, "`ansible-vault`")
    return said if not source.key else _picked(said, source.key, str(source.vault))


def _sops(source: SecretSource, folder: Path, limit: int) -> bytes:
    command = [_program("sops", "sops (https://getsops.io)"), "--decrypt"]
    if source.key:
        # sops's own way to write a path: ["a"]["b"].
        command += ["--extract", "".join(f"[{json.dumps(part)}]" for part in source.key.split("."))]
    return run([*command, str(source.sops)], folder, limit, "`sops`")


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


def _first(command: str) -> str:
    """The program's name alone: what follows may be a secret by itself."""
    words = command.split()
    return words[0] if words else ""
