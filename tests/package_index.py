"""A package index of files, and wheels for it, made on the spot: tests of environments need no network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Index:
    """A package index in a folder. `add` publishes a pure wheel with one module, which knows its version."""

    folder: Path

    @property
    def url(self) -> str:
        return (self.folder / "simple").as_uri()

    def add(
        self,
        name: str,
        version: str,
        *,
        source: bool = False,
        code: str = "",
        record: Callable[[str], str] = str,
        **more: str,
    ) -> None:
        page = self.folder / "simple" / name.replace("_", "-")
        page.mkdir(parents=True, exist_ok=True)
        file = page / (f"{name}-{version}.tar.gz" if source else f"{name}-{version}-py3-none-any.whl")
        if source:
            file.write_bytes(b"not a wheel")
        else:
            write_wheel(file, name, version, code, record=record, **more)
        links = [
            f'<a href="{f.name}#sha256={hashlib.sha256(f.read_bytes()).hexdigest()}">{f.name}</a>'
            for f in sorted(page.iterdir())
            if f.name != "index.html"
        ]
        (page / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")


def write_wheel(
    path: Path, name: str, version: str, code: str = "", *, record: Callable[[str], str] = str, **more: str
) -> None:
    """`more`: name of a file in its `.dist-info`, or, with a `/`, beside its module → what is in it. `record`: makes of
    a sound RECORD the one that it brings."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'version = "{version}"\n{code}',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{file if "/" in file else f"{info}/{file}": text for file, text in more.items()},
    }
    rows = []
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{file},sha256={digest},{len(text)}\n")
        wheel.writestr(f"{info}/RECORD", record("".join(rows) + f"{info}/RECORD,,\n"))
