"""What runs on a host to download a model from the hub: only what a model server reads, resumed where it broke off.

Run by the environment's Python, which has `huggingface_hub` since vLLM needs it. Its `hf_hub_download` begins a file
anew after each interruption, because locks do not hold on every file system (huggingface_hub#4228). Here every file is
hashed when it has come, and a shard may be fifty gigabytes.
"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from provision.payload.weights.manifest import save
from provision.payload.weights.seal import SPARE, alone, gigabytes, make_sound, present, say, stop
from provision.payload.weights.selection import needed

#: Files that are loaded at the same time.
LOADERS = 4

#: Below the folder: of which commit its files are, from the first one on.
COMMIT = ".provision-commit"

#: Below the folder: files that are not whole yet.
PARTS = ".provision-parts"


class Hub:
    """One repository at one commit, as the hub tells it now."""

    def __init__(self, spec: Mapping[str, str]) -> None:
        self.spec, self.folder = spec, Path(spec["FOLDER"])
        try:
            self.library: Any = importlib.import_module("huggingface_hub")
            importlib.import_module("huggingface_hub.file_download")
        except ImportError as error:
            stop(f"the environment cannot download from the hub: {error}")
        try:
            info = self.library.HfApi(token=spec.get("HF_TOKEN") or False).model_info(
                spec["REPO"], revision=self._begun() or spec["REVISION"] or None, files_metadata=True, timeout=30
            )
        except Exception as error:
            stop(*self.said(error))
        self.commit: str = info.sha
        files = {file.rfilename: file for file in info.siblings or ()}
        self.sizes = {name: int(files[name].size or 0) for name in needed(files)}
        # What the hub stores as a large file is named by its sha256; a small one has git's hash, which says no more
        # than its size to us.
        self.hashes = {name: getattr(files[name].lfs, "sha256", None) or "" for name in self.sizes}
        if not self.sizes:
            stop(f"{spec['REPO']} has no files at {self.commit[:12]}")

    def _begun(self) -> str:
        """The commit whose files are here already: a branch that moves on meanwhile must not mix two of them."""
        try:
            return (self.folder / COMMIT).read_text("utf-8").strip()
        except OSError:
            return ""

    def missing(self) -> int:
        """Bytes that have to come."""
        there = present(self.folder)
        begun = _bytes_below(self.folder / PARTS)
        return max(0, sum(size for name, size in self.sizes.items() if not self._whole(there, name)) - begun)

    def _whole(self, there: Mapping[str, Any], name: str) -> bool:
        return name in there and there[name].size == self.sizes[name]

    def load(self) -> None:
        """Raises nothing: what goes wrong ends the program."""
        there = present(self.folder)
        rest = [name for name in self.sizes if not self._whole(there, name)]
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        try:
            with ThreadPoolExecutor(max_workers=LOADERS) as pool:
                for _ in pool.map(self._load, sorted(rest, key=lambda name: self.sizes[name])):
                    pass
        except Exception as error:
            there = present(self.folder)
            whole = sum(self._whole(there, name) for name in self.sizes)
            kept = f"{whole} of {len(self.sizes)} files are whole; the next run goes on from here"
            stop(*self.said(error), kept)
        done.set()
        watcher.join()

    def _load(self, name: str) -> None:
        """Beside its place until it is whole."""
        part, whole = self.folder / PARTS / self.commit / name, self.folder / name
        part.parent.mkdir(parents=True, exist_ok=True)
        whole.parent.mkdir(parents=True, exist_ok=True)
        if self.sizes[name]:
            begun = part.stat().st_size if part.exists() else 0
            with part.open("ab" if begun < self.sizes[name] else "wb") as file:
                self.library.file_download.http_get(
                    self.library.hf_hub_url(self.spec["REPO"], name, revision=self.commit),
                    file,
                    resume_size=begun if begun < self.sizes[name] else 0,
                    headers=self.library.utils.build_hf_headers(token=self.spec.get("HF_TOKEN") or False),
                    expected_size=self.sizes[name],
                )
        else:
            part.touch()
        part.replace(whole)

    def _watch(self, done: threading.Event) -> None:
        total, began, first = sum(self.sizes.values()), time.monotonic(), -1
        while not done.wait(1.0):
            now = sum(entry.size for entry in present(self.folder).values())
            now += _bytes_below(self.folder / PARTS)
            first = now if first < 0 else first
            speed = (now - first) / (time.monotonic() - began)
            say(f"::progress downloading  {gigabytes(min(now, total))} of {gigabytes(total)}  {gigabytes(speed)}/s")

    def said(self, error: Exception) -> list[str]:
        """What went wrong, so that hints can be told by its first word."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", None)
        repo, revision = self.spec["REPO"], self.spec["REVISION"] or "main"
        where = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        token = "with the token" if self.spec.get("HF_TOKEN") else "without a token"
        text = " ".join(str(error).split())[:300]
        if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
            return [f"no space: {text}"]
        if "GatedRepoError" in kinds:
            return [f"gated: {where} does not give {repo} to this account ({token})", text]
        if "RevisionNotFoundError" in kinds:
            return [f"no revision: {repo} has no `{revision}`", text]
        if "RepositoryNotFoundError" in kinds or status in (401, 403, 404):
            # The hub answers the same for what does not exist and for what is private.
            return [f"not found: {where} has no {repo}, or does not show it ({token})", text]
        if status is not None:
            return [f"refused: {where} answers {status}", text]
        return [f"no way: {where} is not reached ({type(error).__name__})", text]


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # it has just become whole
    return total


def free_at(folder: Path) -> int:
    """Bytes that whoever runs this may still write where `folder` is or will be."""
    while not folder.is_dir():
        folder = folder.parent
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def room(spec: Mapping[str, str]) -> None:
    """Tells what a download would need, and loads nothing."""
    hub = Hub(spec)
    say(f"commit={hub.commit}")
    say(f"missing={hub.missing()}")
    say(f"free={max(0, free_at(hub.folder) - SPARE)}")


def fetch(spec: Mapping[str, str]) -> None:
    folder, manifest = Path(spec["FOLDER"]), Path(spec["MANIFEST"])
    with alone(manifest):
        save(Path(spec["MARK"]), spec["CLUSTER"] + "\n")
        for name in filter(None, spec["FAULTS"].splitlines()):
            if ".." not in name.split("/") and (folder / name).is_file():
                (folder / name).unlink()
        hub = Hub(spec)
        missing, free = hub.missing(), free_at(folder) - SPARE
        if missing > free:
            stop(f"no space: {gigabytes(missing)} are needed, {gigabytes(max(free, 0))} may be used on this disk")
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / COMMIT, hub.commit + "\n")
        hub.load()
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        expected = {name: (size, hub.hashes[name]) for name, size in hub.sizes.items()}
        make_sound(spec, expected, {"repo": spec["REPO"], "revision": spec["REVISION"], "commit": hub.commit})


def main() -> None:
    try:
        room(os.environ) if os.environ["WORK"] == "room" else fetch(os.environ)
    except (OSError, ValueError) as problem:
        stop(str(problem))
