"""Packages that have no wheel: a build backend that needs no other package, and whose wheels differ each time."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

from package_index import Index

BACKEND = """
import hashlib, os, uuid, zipfile
{extra}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "{name}-1.0-py3-none-{platform}.whl"
    info = "{name}-1.0.dist-info"
    files = {{
        "{name}.py": "built = '%s %s'\\n" % (uuid.uuid4(), os.environ.get("MARK", "")),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n{requires}",
        info + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-{platform}\\n",
    }}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(info + "/RECORD", "".join(f + ",,\\n" for f in [*files, info + "/RECORD"]))
    return name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def source_of(name: str, *, extra: str = "", requires: str = "", tag: str = "any") -> dict[str, str]:
    """`extra`: code that the backend begins with."""
    backend = BACKEND.format(name=name, extra=extra, requires=requires, platform=tag)
    return {"pyproject.toml": PYPROJECT, "backend.py": backend, "PKG-INFO": "Metadata-Version: 1.0\nName: x\n"}


def write_archive(file: Path, name: str, **how: str) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for path, text in source_of(name, **how).items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def publish_source(index: Index, name: str, **how: str) -> None:
    page = index.folder / "simple" / name
    page.mkdir(parents=True, exist_ok=True)
    file = page / f"{name}-1.0.tar.gz"
    write_archive(file, name, **how)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (page / "index.html").write_text(f'<!DOCTYPE html><a href="{file.name}#sha256={digest}">{file.name}</a>')


def write_folder(folder: Path, name: str, **how: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in source_of(name, **how).items():
        (folder / path).write_text(text)


def make_repository(folder: Path, name: str, **how: str) -> None:
    write_folder(folder, name, **how)
    subprocess.run(["git", "-C", str(folder), "init", "-q"], check=True)
    commit_all(folder)


def commit_all(folder: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-C", str(folder)]
    for words in (["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
