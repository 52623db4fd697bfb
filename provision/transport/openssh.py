"""OpenSSH's own client, told all that we know of a target: for a person who wants a terminal there.

No file of settings is read beside it, since a shared connection (ControlMaster) or a rule in one could lead past what
is checked here: the host key must be the pinned one, or on record.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from provision.transport.target import Target


def client(target: Target, *options: str) -> list[str]:
    """The arguments of `ssh`, up to the host's name. `options`: more of them."""
    return ["ssh", "-F", "/dev/null", *_options(target), *options, "--", target.address]


def _options(target: Target) -> list[str]:
    words = ["-p", str(target.port), "-l", target.user]
    for name, value in _settings(target):
        words += ["-o", f"{name}={value}"]
    return words


def _settings(target: Target) -> list[tuple[str, str]]:
    found = [
        ("StrictHostKeyChecking", "yes"),
        ("UpdateHostKeys", "no"),
        ("ConnectTimeout", f"{max(1, round(target.timeout))}"),
        ("IdentityAgent", _quoted(target.agent) if target.agent else "none"),
        ("IdentitiesOnly", "yes" if target.explicit else "no"),
    ]
    # With `-i` a file that is not there would have the usual ones tried instead.
    found += [("IdentityFile", _quoted(str(key))) for key in target.keys]
    if target.pin:
        # What it prints is all that is known of hosts.
        kind, _, rest = target.pin.strip().partition(" ")
        line = shlex.join(["/bin/echo", target.record, kind, *rest.split()[:1]])
        found += [("UserKnownHostsFile", "none"), ("GlobalKnownHostsFile", "none")]
        found += [("KnownHostsCommand", line.replace("%", "%%"))]
    else:
        found += [("UserKnownHostsFile", _files(target.known_hosts))]
        found += [("GlobalKnownHostsFile", _files(target.global_known_hosts))]
        if target.known_command:
            found += [("KnownHostsCommand", shlex.join(target.known_command))]
    found += [("RevokedHostKeys", _quoted(str(path))) for path in target.revoked[:1]]
    found += [("HostKeyAlias", target.alias)] if target.alias else []
    found += [("AddressFamily", target.family)] if target.family else []
    found += [("BindAddress", target.source)] if target.source else []
    found += [("HostKeyAlgorithms", ",".join(target.host_keys))] if target.host_keys else []
    found += [("CertificateFile", _quoted(str(path))) for path in target.certificates]
    if target.jump is not None:
        place = f"[{target.address}]:{target.port}"
        command = shlex.join(client(target.jump, "-W", place))
        found += [("ProxyCommand", command.replace("%", "%%"))]
    elif target.proxy_command:
        found += [("ProxyCommand", target.proxy_command.replace("%", "%%"))]
    return found


def _files(paths: Sequence[Path]) -> str:
    return " ".join(_quoted(str(path)) for path in paths) or "none"


def _quoted(path: str) -> str:
    """As ssh_config reads it: `%` begins a token, a blank ends a name."""
    return f'"{path}"'.replace("%", "%%") if " " in path else path.replace("%", "%%")
