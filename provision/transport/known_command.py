"""KnownHostsCommand of ssh_config: a program that prints lines of known_hosts, such as a directory's for its hosts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provision.core.errors import Unreachable
from provision.transport import tokens
from provision.transport.hostkey import HostKey
from provision.transport.target import Target

#: Stands for the file of what it prints.
COMMAND = Path("KnownHostsCommand")


def printed(target: Target, shown: HostKey | None) -> str:
    """What it prints for `target`; `shown`: the host's key, None while it is not known. Raises Unreachable where it
    fails: then OpenSSH connects to nobody, too."""
    values = {
        "%": "%",
        "H": target.record,
        "I": "HOSTNAME" if shown else "ORDER",
        "t": shown.kind if shown else "NONE",
        "f": shown.fingerprint if shown else "NONE",
        "K": shown.text if shown else "NONE",
    }
    if not target.known_command[0].startswith("/"):
        return ""  # OpenSSH runs none but an absolute path
    try:
        words = [tokens.filled(word, values, variables=False) for word in target.known_command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=target.timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise _failed(target, f"gave no answer within {target.timeout:g} s") from error
    except (OSError, ValueError) as error:
        raise _failed(target, f"cannot be run: {getattr(error, 'strerror', None) or error}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").splitlines()
        raise _failed(target, f"ended with exit code {done.returncode}", said[-5:])
    return done.stdout.decode("utf-8", "replace")


def _failed(target: Target, why: str, said: list[str] | None = None) -> Unreachable:
    return Unreachable(
        target.name,
        f"{target.host_key} cannot be looked up: KnownHostsCommand of ssh_config {why}",
        evidence=said or [],
        hint="correct KnownHostsCommand in ssh_config, or run it by hand",
    )
