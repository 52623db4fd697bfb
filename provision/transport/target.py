"""Where a connection goes and how: an inventory's host, completed from ssh_config. No connection is made here.

Chains of jumps are put together here: each hop is looked up by the name that ProxyJump gives it, as OpenSSH does.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from provision.core.errors import Unreachable
from provision.core.person import expanded, login_name
from provision.core.regex import regex
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.inventory.models import Host
from provision.transport import tokens
from provision.transport.algorithms import host_key_algorithms
from provision.transport.ssh_config import SshSettings, paths

_HOP = regex(r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:/@]+))(?::(?P<port>\d+))?/?\Z")
_MOST_JUMPS = 8

#: What OpenSSH tries if nothing is said, the ones that paramiko speaks.
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")

# And those that an agent has to sign with.
_AGENT_KEYS = ("~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519_sk")

# All that `ssh -G` prints where IdentityFile is not set: nobody names so many by hand.
_UNSAID = frozenset({"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"})

#: Read after the user's file, as OpenSSH does.
GLOBAL_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))

#: (name, user or "", port or 0) → what ssh_config says.
Lookup = Callable[[str, str, int], SshSettings]


@dataclass(frozen=True)
class Target:
    """One hop, complete. `name` is what errors call it. `keys`: key files to try, in order; `explicit`: these and no
    other. `certificates`: for these keys. `agent`: the agent's socket; empty for none. `alias`: the name to look up in
    known_hosts instead of the address. `known_hosts`: the user's files, the first of which is written to; those of
    `global_known_hosts` are only read; `known_command`: KnownHostsCommand, word by word. `revoked`: files with keys
    that no host may show. `hop`: a jump host on the way to `name`. `family`, `source`: AddressFamily and BindAddress,
    empty for any; `host_keys`: the algorithms that a host's key may have, none for all that are accepted here.
    `ignored`: what ssh_config says of it that has no effect here, although it changes what `ssh` does."""

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
    known_command: tuple[str, ...] = ()
    revoked: tuple[Path, ...] = ()
    certificates: tuple[Path, ...] = ()
    agent: str = ""
    global_known_hosts: tuple[Path, ...] = GLOBAL_KNOWN_HOSTS
    hop: bool = False
    family: str = ""
    source: str = ""
    host_keys: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    jump: Target | None = None

    @property
    def record(self) -> str:
        """How known_hosts calls it."""
        return self.portless if self.port == 22 or self.alias else f"[{self.portless}]:{self.port}"

    @property
    def portless(self) -> str:
        """How OpenSSH looks it up where known_hosts has nothing of `record`."""
        return self.alias or self.address

    @property
    def place(self) -> str:
        """In messages."""
        return f"the jump host `{self.address}`" if self.hop else f"`{self.address}`"

    @property
    def host_key(self) -> str:
        return f"the host key of {self.place}" if self.hop else "its host key"

    @property
    def where(self) -> Target:
        """Equal for two targets that can share a connection: with all that decides where it goes, who logs in, and
        which key the host may show. Of two that differ in a key, neither goes through what the other one opened."""
        return replace(self, name="", timeout=0.0, ignored=(), jump=self.jump and self.jump.where)

    @property
    def ssh(self) -> str:
        """The OpenSSH command a person can try by hand."""
        words = ["ssh"]
        words += ["-p", str(self.port)] if self.port != 22 else []
        words += ["-i", str(self.keys[0])] if self.explicit and self.keys else []
        if self.jump:
            words += ["-J", f"{self.jump.user}@{bracketed(self.jump.address)}:{self.jump.port}"]
        return shlex.join([*words, f"{self.user}@{self.address}"])


def resolve(host: Host, lookup: Lookup) -> Target:
    """Raises Unreachable if a jump cannot be read, the jumps form a loop, or there is no user to log in as; what
    `lookup` raises."""
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
    return _complete(base, lookup, ssh.jump, ())


def _complete(base: Target, lookup: Lookup, jump: str | None, seen: tuple[str, ...]) -> Target:
    if len(seen) >= _MOST_JUMPS:
        message = f"the jump hosts form a loop: {' → '.join(seen)}"
        raise Unreachable(base.name, message, hint=f"correct ProxyJump in ssh_config: {target_hint(base)}")
    said = lookup(base.address, base.user, base.port)
    user = base.user or said.one("user") or login_name()
    if not user:
        raise Unreachable(
            base.name,
            f"there is no user to log in to `{base.address}` as: uid {os.geteuid()} has no name on this machine",
            hint="set `ssh.user` in the inventory, or export LOGNAME",
        )
    address, port = said.one("hostname", base.address), base.port or _port(base, said.one("port", "22"))
    alias = said.one("hostkeyalias")
    hops = jump or said.one("proxyjump", "none")
    values = tokens.tokens(
        original=base.address,
        host=address,
        port=port,
        user=user,
        alias=alias,
        jump="" if hops.lower() == "none" else hops,
    )
    try:
        target = replace(_with_way(_with_files(base, said, values), said), address=address, port=port, user=user)
        target = replace(target, alias=alias)
        if hops.lower() == "none":
            command = "" if jump else said.one("proxycommand", "none")
            command = "" if command.lower() == "none" else tokens.filled(command, values, variables=False)
            if command and said.one("proxyusefdpass").lower() == "yes":
                raise tokens.UnknownToken("ProxyUseFdpass is not known here")
            return replace(target, proxy_command=command)
        hops = tokens.filled(hops, values)
    except tokens.UnknownToken as problem:
        raise Unreachable(base.name, f"ssh_config cannot be followed: {problem}", hint=target_hint(base)) from problem
    return replace(target, jump=_chain(target, base, lookup, hops, (*seen, base.address)))


def _port(base: Target, said: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", said) or not 0 < int(said) < 2**16:
        raise Unreachable(base.name, f"ssh_config names `{said}` as the port", hint=target_hint(base))
    return int(said)


def target_hint(base: Target) -> str:
    return shlex.join(["ssh", "-G", base.address])


def _with_files(base: Target, said: SshSettings, values: Mapping[str, str]) -> Target:
    """`base` with the files that ssh_config names, where the inventory names none. Raises UnknownToken."""
    named = said.every("identityfile")
    if len(named) > 3 and {name.rpartition("/")[2] for name in named} <= _UNSAID:
        named = ()
    keys = base.keys
    if not base.explicit:
        said_keys = (tokens.path(name, values) for name in named if name.lower() != "none")
        keys = tuple(dict.fromkeys((*base.keys, *said_keys)))
    explicit = base.explicit or said.one("identitiesonly").lower() == "yes"
    if explicit and not keys:
        # Of what the agent may hold, the public half is enough.
        usual = (expanded(f"{name}{end}") for name in (*DEFAULT_KEYS, *_AGENT_KEYS) for end in ("", ".pub"))
        keys = tuple(dict.fromkeys(path.with_suffix("") for path in usual if os.access(path, os.F_OK)))
    known_hosts = base.known_hosts or _files(said, "userknownhostsfile", "~/.ssh/known_hosts", values)
    return replace(
        base,
        keys=keys,
        explicit=explicit,
        certificates=tuple(tokens.path(name, values) for name in said.every("certificatefile") if name != "none"),
        agent=_agent(said, values),
        known_hosts=known_hosts,
        global_known_hosts=_files(said, "globalknownhostsfile", " ".join(map(str, GLOBAL_KNOWN_HOSTS)), values),
        known_command=_known_command(said, values),
        revoked=_files(said, "revokedhostkeys", "none", values),
    )


#: Settings that change where `ssh` gets, or what it does there, and have no effect here.
_IGNORED = (("remotecommand", "RemoteCommand"), ("bindinterface", "BindInterface"))


def _with_way(base: Target, said: SshSettings) -> Target:
    """`base` with what ssh_config says of the connection itself."""
    family, source = said.one("addressfamily", "any").lower(), said.one("bindaddress", "none")
    ignored = (name for keyword, name in _IGNORED if said.one(keyword, "none").lower() != "none")
    return replace(
        base,
        family="" if family == "any" else family,
        source="" if source.lower() == "none" else source,
        host_keys=host_key_algorithms(said.one("hostkeyalgorithms")),
        ignored=tuple(ignored),
    )


def _files(said: SshSettings, keyword: str, default: str, values: Mapping[str, str]) -> tuple[Path, ...]:
    named = paths(said.one(keyword, default))
    ready = said.complete and "knownhosts" in keyword  # `ssh -G` has filled these in
    return tuple(Path(name) if ready else tokens.path(name, values) for name in named if name.lower() != "none")


def _known_command(said: SshSettings, values: Mapping[str, str]) -> tuple[str, ...]:
    named = said.one("knownhostscommand", "none")
    return () if named.lower() == "none" else tokens.command(named, values, "HItfK")


def _agent(said: SshSettings, values: Mapping[str, str]) -> str:
    named = said.one("identityagent", "SSH_AUTH_SOCK")
    if named.lower() == "none":
        return ""
    if named == "SSH_AUTH_SOCK" or re.fullmatch(r"\$\w+", named):
        return os.environ.get(named.removeprefix("$"), "")
    return str(tokens.path(named, values))


def _chain(target: Target, base: Target, lookup: Lookup, hops: str, seen: tuple[str, ...]) -> Target | None:
    """The last of `hops`, reached through those before it. A hop named by ssh_config may have jumps as well."""
    last: Target | None = None
    for text in hops.split(","):
        match = _HOP.match(text.strip())
        if match is None:
            raise Unreachable(target.name, f"the jump host `{text}` cannot be read", hint="write `[user@]host[:port]`")
        hop = Target(
            name=target.name,
            address=match["v6"] or match["host"],
            port=int(match["port"] or 0),
            user=match["user"] or "",
            keys=base.keys,  # tried first, but ssh_config may name another one for the jump host
            explicit=False,
            known_hosts=base.known_hosts,
            timeout=target.timeout,
            hop=True,
        )
        hop = _complete(hop, lookup, None, seen) if last is None else _complete(hop, lookup, "none", seen)
        last = replace(hop, jump=last) if last is not None else hop
    return last
