"""`RevokedHostKeys` of ssh_config: keys that are refused whoever shows them, in a list of keys or an OpenSSH KRL."""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import paramiko

from provision.core.errors import HostKeyChanged, Unreachable
from provision.core.reading import read_given
from provision.transport.host_certificate import certified_key
from provision.transport.hostkey import HostKey
from provision.transport.target import Target

#: How a key revocation list begins (OpenSSH's PROTOCOL.krl).
_KRL = b"SSHKRL\n\0"

#: Seconds for ssh-keygen, which reads two files.
_PATIENCE = 20.0


def refuse_revoked(target: Target, shown: HostKey) -> None:
    """Raises HostKeyChanged for a key on one of the target's lists. A list that cannot be read refuses every key, as it
    does for OpenSSH: Unreachable."""
    for path in target.revoked:
        try:
            text = read_given(path)
        except OSError as error:
            raise _unread(target, path, (error.strerror or str(error)).lower()) from error
        listed = _in_krl(target, path, shown) if text.startswith(_KRL) else _in_list(target, path, text, shown)
        if listed:
            raise HostKeyChanged(
                target.name,
                f"{target.host_key} {shown.kind} {shown.fingerprint} is revoked by {listed}",
                hint="do not connect: whoever has the old key can pose as this host. Give the host a new key on its "
                "console: ssh-keygen -A",
            )


def _in_list(target: Target, path: Path, text: bytes, shown: HostKey) -> str:
    found = ""
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        blob = _blob(words[1]) if len(words) > 1 else b""
        if not blob:
            # To leave it out would be to accept what somebody meant to revoke.
            raise _unread(target, path, f"line {number} is no public key")
        # A certificate in the list revokes its key, as for OpenSSH.
        if _blob(shown.text) in (blob, certified_key(blob)):
            found = found or f"`{path}`, line {number}"
    return found


def _in_krl(target: Target, path: Path, shown: HostKey) -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise _unread(target, path, "it is a KRL, and there is no ssh-keygen here to read it")
    with tempfile.TemporaryDirectory(prefix="provision-key-") as folder:
        key = Path(folder) / "key.pub"
        kind, text = shown.kind, shown.text
        if shown.certificate:  # whose serial number or name may be what is revoked
            kind = paramiko.Message(shown.certificate).get_text()
            text = base64.b64encode(shown.certificate).decode()
        key.write_text(f"{kind} {text}\n", encoding="ascii")
        try:
            done = subprocess.run(
                [program, "-Q", "-f", str(path), str(key)],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _unread(target, path, f"ssh-keygen: {error}") from error
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    # 0: not revoked; anything else counts as revoked, but an unreadable list is better called so.
    if done.returncode and "REVOKED" not in said:
        raise _unread(target, path, said.splitlines()[-1] if said else f"ssh-keygen ends with {done.returncode}")
    return f"`{path}`" if done.returncode else ""


def _unread(target: Target, path: Path, why: str) -> Unreachable:
    return Unreachable(
        target.name,
        f"{target.host_key} cannot be checked against RevokedHostKeys `{path}`: {why}",
        hint=f"correct the file, or `RevokedHostKeys` in ssh_config: ls -l {shlex.quote(str(path))}",
    )


def _blob(text: str) -> bytes:
    """A public key's bytes, which begin with the length of its type's name; empty for anything else."""
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return blob if len(blob) > 4 and 0 < int.from_bytes(blob[:4], "big") < len(blob) - 4 else b""
