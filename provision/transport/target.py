"""Where a connection goes and how: an inventory's host, completed from ssh_config. No connection is made here.

fabric reads the ssh_config files. Chains of jumps are put together here, since `ProxyJump a,b` means to OpenSSH
first a, then b, and fabric reads it the other way round. A ProxyCommand gets the port of ssh_config, not the
inventory's: what reads the file fills it in.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fabric

from provision.core.errors import Unreachable
from provision.core.person import expanded, home, named
from provision.inventory.models import Host

_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:/]+))(?::(?P<port>\d+))?/?\Z")
_MOST_JUMPS = 8

#: What the libraries are told we are called where the system has no name for us; no user can be called that.
_NOBODY = "uid:unknown"


@dataclass(frozen=True)
class Target:
    """One hop, complete. `name` is what errors call it. `keys`: private key files to try, in order;
    `explicit`: these and no other. `alias`: the name to look up in known_hosts instead of the address.
    `revoked`: files with keys that no host may show."""

    name: str
    address: str
    port: int
    user: str
    keys: tuple[Path, ...]
    explicit: bool
    known_hosts: tuple[Path, ...]
    timeout: float
    alias: str = ""
    pin: str = ""
    proxy_command: str = ""
    revoked: tuple[Path, ...] = ()
    jump: Target | None = None

    @property
    def record(self) -> str:
        """How known_hosts calls it."""
        name = self.alias or self.address
        return name if self.port == 22 or self.alias else f"[{name}]:{self.port}"

    @property
    def where(self) -> tuple[object, ...]:
        """Equal for two targets that can share a connection."""
        return (self.address, self.port, self.user, self.keys, self.known_hosts, self.jump and self.jump.where)

    @property
    def ssh(self) -> str:
        """The OpenSSH command a person can try by hand."""
        words = ["ssh"]
        words += ["-p", str(self.port)] if self.port != 22 else []
        words += ["-i", str(self.keys[0])] if self.explicit and self.keys else []
        if self.jump:
            bracketed = f"[{self.jump.address}]" if ":" in self.jump.address else self.jump.address
            words += ["-J", f"{self.jump.user}@{bracketed}:{self.jump.port}"]
        return shlex.join([*words, f"{self.user}@{self.address}"])


def load_config(path: str | None) -> fabric.Config:
    """`path` instead of the user's and the system's ssh_config, if given. Raises OSError, SSHException."""
    options = {} if path is None else {"runtime_ssh_path": str(expanded(path))}
    if (own := home()) is None or not os.access(own, os.X_OK):
        # fabric ends at a `.fabric.yaml` that it may not look for, as in /root with another user's rights.
        options["user_prefix"] = "/nonexistent/"
    with named(_NOBODY):
        return fabric.Config(**options)


def resolve(host: Host, config: fabric.Config) -> Target:
    """Raises Unreachable if a jump cannot be read, the jumps form a loop, or there is no user to log in as."""
    ssh = host.ssh
    keys = (expanded(ssh.key),) if ssh.key else ()
    base = Target(
        name=host.name,
        address=host.address,
        port=ssh.port or 0,
        user=ssh.user or "",
        keys=keys,
        explicit=bool(keys),
        known_hosts=(expanded(ssh.known_hosts),) if ssh.known_hosts else (),
        timeout=ssh.connect_timeout,
        pin=ssh.host_key or "",
    )
    with named(_NOBODY):
        return _complete(base, config, ssh.jump, ())


def _complete(base: Target, config: fabric.Config, jump: str | None, seen: tuple[str, ...]) -> Target:
    if len(seen) >= _MOST_JUMPS:
        raise Unreachable(base.name, f"the jump hosts form a loop: {' → '.join(seen)}", hint="correct `ssh.jump`")
    # A fresh, non-empty dictionary: fabric writes the keys it finds into it, or else into the shared config.
    connection = fabric.Connection(
        base.address,
        user=base.user or None,
        port=base.port or None,
        config=config,
        gateway=False,
        # Not ours to use, and fabric stumbles over values that OpenSSH allows (a path, `none`).
        forward_agent=False,
        connect_timeout=round(base.timeout) or 1,
        connect_kwargs={"key_filename": [str(key) for key in base.keys]},
    )
    if connection.user == _NOBODY:
        raise Unreachable(
            base.name,
            f"there is no user to log in to `{base.address}` as: uid {os.geteuid()} has no name on this machine",
            hint="set `ssh.user` in the inventory, or export LOGNAME",
        )
    words: Mapping[str, Any] = connection.ssh_config
    identities = tuple(expanded(str(key)) for key in connection.connect_kwargs.get("key_filename", ()))
    target = replace(
        base,
        address=str(connection.host),
        port=int(connection.port),
        user=str(connection.user),
        keys=base.keys if base.explicit else identities,
        explicit=base.explicit or str(words.get("identitiesonly", "")).lower() == "yes",
        known_hosts=base.known_hosts or _files(words, "userknownhostsfile", "~/.ssh/known_hosts"),
        alias=str(words.get("hostkeyalias", "")),
        revoked=_files(words, "revokedhostkeys", ""),
        proxy_command="" if jump else str(words.get("proxycommand", "")),
    )
    hops = jump or str(words.get("proxyjump", "none"))
    if hops.lower() == "none":
        return target
    return replace(target, jump=_chain(target, base.keys, config, hops, (*seen, target.address)))


def _chain(
    target: Target, keys: tuple[Path, ...], config: fabric.Config, hops: str, seen: tuple[str, ...]
) -> Target | None:
    """The last of `hops`, reached through those before it. A hop named by ssh_config may have jumps as well."""
    last: Target | None = None
    for text in hops.split(","):
        match = _HOP.match(text.strip())
        if match is None:
            raise Unreachable(target.name, f"the jump host `{text}` cannot be read", hint="write `[user@]host[:port]`")
        address = match["v6"] or match["host"]
        hop = Target(
            name=target.name,
            address=address,
            port=int(match["port"] or 0),
            user=match["user"] or "",
            keys=keys,  # tried first, but ssh_config may name another one for the jump host
            explicit=False,
            known_hosts=target.known_hosts,
            timeout=target.timeout,
        )
        hop = _complete(hop, config, None, seen) if last is None else _complete(hop, config, "none", seen)
        last = replace(hop, jump=last) if last is not None else hop
    return last


def _files(words: Mapping[str, Any], keyword: str, default: str) -> tuple[Path, ...]:
    return tuple(expanded(name) for name in str(words.get(keyword, default)).split() if name != "none")
