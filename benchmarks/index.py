"""A package index of files with tiny wheels, one of which stands in for Ray: it starts and then does nothing."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.ending import birth

#: As many packages as vLLM and Ray bring.
PACKAGES = 170

#: Without a published hole, of which `check` would warn.
RAY = "2.60.0"
# In Python, as Ray's own is: provision runs it within a program of its own, waits until it listens, and asks whether it
# greets (by an empty SETTINGS frame of HTTP/2). Ends with the program that published it, however that ended.
RAY_COMMAND = """#!python
import re
import socket
import sys
import threading
import time


def greet(server):
    while True:
        other, _ = server.accept()
        other.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        threading.Thread(target=listen, args=(other,), daemon=True).start()


def listen(other):
    while other.recv(1024):
        pass
    other.close()


given = dict(re.findall(r"--([a-z-]+)[= ]([^ -][^ ]*)", " ".join(sys.argv)))
ports = [given[name] for name in ("port", "node-manager-port") if name in given]
listening = [socket.create_server((given["node-ip-address"], int(port))) for port in ports]
for server in listening:
    threading.Thread(target=greet, args=(server,), daemon=True).start()
print("Ray runtime started", flush=True)


def alive():
    try:
        with open("/proc/PUBLISHER/stat") as file:
            return file.read().rpartition(")")[2].split()[19] == "BIRTH"
    except OSError:
        return False


while alive():
    time.sleep(1)
"""
RAY_MODULE = """
def init(*_, **__):
    pass


def nodes():
    return [{{"Alive": True, "NodeManagerAddress": address, "Resources": {{}}}} for address in {addresses!r}]
"""


def build(folder: Path, addresses: Sequence[str]) -> str:
    """The index's URL. `addresses`: what Ray's stand-in says has joined."""
    command = RAY_COMMAND.replace("PUBLISHER", str(os.getpid())).replace("BIRTH", birth(os.getpid()))
    ray = {"ray.py": RAY_MODULE.format(addresses=list(addresses)), f"ray-{RAY}.data/scripts/ray": command}
    publish(folder, "ray", RAY, ray, [f"package-{number:03d}" for number in range(1, PACKAGES)])
    for number in range(1, PACKAGES):
        publish(folder, f"package-{number:03d}", "1.0", {f"package_{number:03d}.py": "version = 1\n"})
    return (folder / "simple").as_uri()


def publish(
    folder: Path, name: str, version: str, files: Mapping[str, str | bytes], requires: Sequence[str] = ()
) -> Path:
    """A wheel, on the page of its package."""
    page = folder / "simple" / name
    page.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {other}\n" for other in requires)
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    wheel = page / f"{stem}-py3-none-any.whl"
    rows = []
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            data = text.encode() if isinstance(text, str) else text
            archive.writestr(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(data)}\n")
        archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    links = "<br>".join(
        f'<a href="{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
        for file in sorted(page.glob("*.whl"))
    )
    (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return wheel
