"""The lower bound: one script per host over plain SSH, nothing planned, nothing proved, nothing shown.

python -m benchmarks.bound paramiko|openssh SPEC.json
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: As many threads as provision has; OpenSSH's processes at a time.
POOL = 32
OPENSSH_AT_ONCE = 16


def quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def text_of(script: str, variables: Mapping[str, str]) -> str:
    head = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    # Whole before it runs: what it starts must not read the rest of it.
    return f"{head}main() {{\n{script}\n}}\nmain </dev/null\n"


def over_paramiko(spec: Mapping[str, Any]) -> list[str]:
    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(spec["key"])
    known = paramiko.HostKeys(spec["known_hosts"])

    def one(host: Mapping[str, Any]) -> str:
        sock = socket.create_connection((host["address"], spec["port"]))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(sock)
        options = transport.get_security_options()
        options.kex = ("curve25519-sha256@libssh.org",)
        options.ciphers = ("aes128-gcm@openssh.com",)
        options.key_types = ("ssh-ed25519",)
        try:
            transport.start_client()
            if not known.check(f"[{host['address']}]:{spec['port']}", transport.get_remote_server_key()):
                raise RuntimeError(f"{host['address']} shows another host key")
            transport.auth_publickey(spec["user"], key)
            channel = transport.open_session()
            channel.exec_command("exec sh")
            channel.sendall(text_of(spec["script"], host["variables"]).encode())
            channel.shutdown_write()
            parts = []
            while data := channel.recv(1 << 20):
                parts.append(data)
            return b"".join(parts).decode()
        finally:
            transport.close()

    with ThreadPoolExecutor(min(POOL, len(spec["hosts"]))) as pool:
        return list(pool.map(one, spec["hosts"]))


def over_openssh(spec: Mapping[str, Any]) -> list[str]:
    options = [
        "-F", "/dev/null", "-o", f"UserKnownHostsFile={spec['known_hosts']}", "-o", "BatchMode=yes",
        "-o", "KexAlgorithms=curve25519-sha256@libssh.org", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
        "-i", spec["key"], "-p", str(spec["port"]),
    ]  # fmt: skip

    def one(host: Mapping[str, Any]) -> str:
        command = ["ssh", *options, f"{spec['user']}@{host['address']}", "exec sh"]
        text = text_of(spec["script"], host["variables"])
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=False).stdout

    with ThreadPoolExecutor(OPENSSH_AT_ONCE) as pool:
        return list(pool.map(one, spec["hosts"]))


def complaints(spec: Mapping[str, Any], said: Sequence[str]) -> list[str]:
    """Hosts that did not say what they should have: a bound that did not do its work would be none."""
    found = []
    for host, text in zip(spec["hosts"], said, strict=True):
        lines = text.splitlines()
        seen = {"running=yes", "current", *(f"greets={place}" for place in host["variables"]["greets"].split())}
        listens = text.count("listens=") >= len(host["variables"]["greets"].split())
        if not seen <= {*lines} or not listens or text.count(".dist-info") < spec["packages"]:
            found.append(host["address"])
    return found


def main() -> None:
    how, path = sys.argv[1:]
    spec = json.loads(Path(path).read_text())
    said = {"paramiko": over_paramiko, "openssh": over_openssh}[how](spec)
    if bad := complaints(spec, said):
        sys.exit(f"not as they should be: {' '.join(bad)}")


if __name__ == "__main__":
    main()
