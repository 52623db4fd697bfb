"""A package index of files with tiny wheels, one of which stands in for Ray: it starts and then does nothing."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

#: As many packages as vLLM and Ray bring.
PACKAGES = 170

#: Without a published hole, of which `check` would warn.
RAY = "2.60.0"
# In Python, as Ray's own is: provision runs it within a program of its own, and waits until it listens. Ends by itself:
# also a benchmark that was killed leaves nothing for long.
RAY_COMMAND = """#!python
import re
import socket
import sys
import time

given = dict(re.findall(r"--([a-z-]+)[= ]([^ -][^ ]*)", " ".join(sys.argv)))
ports = [given[name] for name in ("port", "node-manager-port") if name in given]
listening = [socket.create_server((given["node-ip-address"], int(port))) for port in ports]
print("Ray runtime started", flush=True)
time.sleep(3600)
"""
RAY_MODULE = """
def init(*_, **__):
    pass


def nodes():
    return [{{"Alive": True, "NodeManagerAddress": address, "Resources": {{}}}} for address in {addresses!r}]
"""


def build(folder: Path, addresses: Sequence[str]) -> str:
    """The index's URL. `addresses`: what Ray's stand-in says has joined."""
    ray = {"ray.py": RAY_MODULE.format(addresses=list(addresses)), f"ray-{RAY}.data/scripts/ray": RAY_COMMAND}
    _publish(folder, "ray", RAY, ray, [f"package-{number:03d}" for number in range(1, PACKAGES)])
    for number in range(1, PACKAGES):
        _publish(folder, f"package-{number:03d}", "1.0", {f"package_{number:03d}.py": "version = 1\n"}, [])
    return (folder / "simple").as_uri()


def _publish(folder: Path, name: str, version: str, files: dict[str, str], requires: Sequence[str]) -> None:
    page = folder / "simple" / name
    page.mkdir(parents=True)
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
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(text)}\n")
        archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    link = f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>'
    (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
