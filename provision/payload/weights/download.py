"""What runs on a host to download a model from the hub: only what a model server reads, resumed where it broke off.

Run by the environment's Python, which has `huggingface_hub` since vLLM needs it. Its `hf_hub_download` begins a file
anew after each interruption, because locks do not hold on every file system (huggingface_hub#4228). Here every file is
hashed when it has come, before it gets its name, and a shard may be fifty gigabytes.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections import ChainMap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from provision.payload.weights.folder import Folder, Odd
from provision.payload.weights.hub_errors import said
from provision.payload.weights.manifest import Entry, hashed, sha256_of
from provision.payload.weights.names import OWN, leaves
from provision.payload.weights.places import UnsafePlace, become, user_name
from provision.payload.weights.repository import Unfit, blob_of, commit_of, wanted
from provision.payload.weights.said import Progress, gigabytes, say, stop
from provision.payload.weights.seal import SPARE, Model, Records
from provision.payload.weights.web import NotAsked, guard

#: Files that are loaded at the same time.
LOADERS = 4

#: Below the folder: of which commit its files are, from the first one on.
COMMIT = f"{OWN}commit"

#: Below the folder: files that are not whole yet.
PARTS = f"{OWN}parts"

HUB = "https://huggingface.co"


class Hub:
    """One repository at one commit, as the hub tells it now."""

    def __init__(self, spec: Mapping[str, str], begun: str) -> None:
        """`begun`: the commit whose files are here already, since a branch that moves on meanwhile must not mix two."""
        self.spec = spec
        try:
            self.library: Any = importlib.import_module("huggingface_hub")
            importlib.import_module("huggingface_hub.file_download")
        except ImportError as error:
            stop(f"the environment cannot download from the hub: {error}")
        try:
            guard(self.library, os.environ.get("HF_ENDPOINT") or HUB)
            info = self.library.HfApi(token=spec.get("HF_TOKEN") or False).model_info(
                spec["REPO"], revision=begun or spec["REVISION"] or None, files_metadata=True, timeout=30
            )
            self.commit = commit_of(spec["REPO"], info.sha)
            self.files = wanted(
                spec["REPO"], info.siblings or (), pickles=bool(spec["PICKLES"]), code=bool(spec["CODE"])
            )
        except Unfit as unfit:
            stop(*unfit.lines)
        except Exception as error:
            stop(*said(error, spec))
        if not self.files:
            stop(f"{spec['REPO']} has no files at {self.commit[:12]}")

    def get(self, name: str, file: BinaryIO, begun: int) -> None:
        """Loads what comes after the first `begun` bytes. Raises whatever the library does."""
        size = self.files[name].size
        self.library.file_download.http_get(
            self.library.hf_hub_url(self.spec["REPO"], name, revision=self.commit),
            Capped(file, size),
            resume_size=begun,
            headers=self.library.utils.build_hf_headers(token=self.spec.get("HF_TOKEN") or False),
            expected_size=size,
        )


class Capped:
    """A file that takes no more than was announced: a server may send without end. What the library needs of it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.seek, self.tell, self.truncate, self.flush = file.seek, file.tell, file.truncate, file.flush

    def write(self, data: bytes) -> int:
        if self._file.tell() + len(data) > self._size:
            raise NotAsked("more comes than the hub has announced")
        return self._file.write(data)


class Loading:
    """The files of a repository on their way into a folder."""

    def __init__(self, hub: Hub, model: Model, known: Mapping[str, Entry]) -> None:
        self.hub, self.folder, self.ledger, self.known = hub, model.folder, model.ledger, dict(known)
        self.whole: dict[str, Entry] = {}
        self.unread: set[str] = set()
        self.wrong: list[str] = []

    def look(self, there: Mapping[str, Entry], most: int | None = None) -> list[str]:
        """Finds out which files are here already. Returns those that are of somebody else's making, and other ones.
        `most`: larger files of which nobody knows the hash are not read."""
        strange = [name for name, entry in there.items() if name not in self.hub.files and not self._ours(name, entry)]
        other, files = [], {}
        for name in set(there) & set(self.hub.files):
            entry = there[name]._replace(sha256=self._hash(name, there[name]))
            if entry.size != self.hub.files[name].size:
                other.append(name)
            elif most is not None and entry.size > most and not entry.sha256:
                self.unread.add(name)
            else:
                files[name] = entry
        for name, entry in hashed(self.folder.open, files, files, Progress("comparing")).items():
            if self._as_wanted(name, name, entry):
                self.whole[name] = entry
            else:
                other.append(name)
        return strange + [name for name in other if name not in self.ledger.files]

    def missing(self) -> int:
        """Bytes that have to come."""
        rest = (f.size for name, f in self.hub.files.items() if name not in self.whole and name not in self.unread)
        return max(0, sum(rest) - self.folder.bytes_below(PARTS))

    def load(self) -> None:
        """Raises nothing: what goes wrong ends the program."""
        rest = [name for name in self.hub.files if name not in self.whole]
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        try:
            with ThreadPoolExecutor(max_workers=LOADERS) as pool:
                for _ in pool.map(self._load, sorted(rest, key=lambda name: self.hub.files[name].size)):
                    pass
        except Exception as error:
            kept = f"{len(self.whole)} of {len(self.hub.files)} files are whole; the next run goes on from here"
            stop(*said(error, self.hub.spec), kept)
        done.set()
        watcher.join()
        if self.wrong:
            told = [f"{name}: other content than expected, removed" for name in sorted(self.wrong)]
            stop("these files have to come again:", *told)

    def _load(self, name: str) -> None:
        """Beside its place until it is whole and has been hashed."""
        part = self.part(name)
        begun, entry = self._come(name, part)
        if begun and not self._as_wanted(name, part, entry):
            # What was here may have come from another host, or with another run.
            self.folder.remove(part)
            begun, entry = self._come(name, part)
        if not self._as_wanted(name, part, entry):
            self.folder.remove(part)
            self.wrong.append(name)
            return
        # What is there and not as it should be is ours, or would have been refused.
        ours = name in self.ledger.files
        self.ledger.add({name: entry})
        self.folder.move(part, name, replace=ours)
        self.whole[name] = entry

    def part(self, name: str) -> str:
        """Where it lies until it is whole."""
        return f"{PARTS}/{self.hub.commit}/{name}"

    def _come(self, name: str, part: str) -> tuple[int, Entry]:
        """How much of it was here, and what is here now."""
        size = self.hub.files[name].size
        before = self.folder.entry(part)
        if before is not None and before.size > size:
            self.folder.remove(part)
        opened = self.folder.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND, make=True)
        with os.fdopen(opened, "r+b") as file:
            begun = file.seek(0, os.SEEK_END)
            if begun < size:
                self.hub.get(name, file, begun)
        entry = self.folder.entry(part)
        assert entry is not None
        return begun, entry._replace(sha256=sha256_of(self.folder.open(part), lambda _: None))

    def _as_wanted(self, name: str, at: str, entry: Entry) -> bool:
        return self.hub.files[name].is_like(entry.size, entry.sha256, lambda: blob_of(self.folder.open(at), entry.size))

    def _hash(self, name: str, entry: Entry) -> str:
        """As it was found out when the file was written or last read."""
        for told in (self.known.get(name), self.ledger.files.get(name)):
            if told is not None and told.sha256 and told[:2] == entry[:2]:
                return told.sha256
        return ""

    def _ours(self, name: str, entry: Entry) -> bool:
        told = self.ledger.files.get(name)
        return told is not None and told[:2] == entry[:2]

    def _watch(self, done: threading.Event) -> None:
        total, began, first = sum(file.size for file in self.hub.files.values()), time.monotonic(), -1
        while not done.wait(1.0):
            now = sum(entry.size for entry in self.folder.listing().files.values()) + self.folder.bytes_below(PARTS)
            first = now if first < 0 else first
            speed = (now - first) / (time.monotonic() - began)
            say(f"::progress downloading  {gigabytes(min(now, total))} of {gigabytes(total)}  {gigabytes(speed)}/s")


def free_at(path: str) -> int:
    """Bytes that whoever runs this may still write where `path` is or will be."""
    place = Path(path)
    while not place.is_dir():
        place = place.parent
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize


#: Of files that nobody knows the hash of, how large those are that a first look reads (bytes).
LOOKED_AT = 64 << 20


def begun(folder: Folder) -> str:
    """The commit of the files that are here; empty where none has been begun."""
    try:
        return commit_of("", folder.read(COMMIT, 100).decode("ascii", "replace").strip())
    except (FileNotFoundError, Unfit):
        return ""


def room(spec: Mapping[str, str]) -> None:
    """Tells what a download would need, and what is in its way; loads and writes nothing."""
    try:
        model = Model(spec, Records(spec, make=False), make=False)
    except FileNotFoundError:
        hub = Hub(spec, "")
        missing = sum(file.size for file in hub.files.values())
    else:
        hub = Hub(spec, begun(model.folder))
        loading = Loading(hub, model, {} if spec["DEEP"] else model.records.known())
        model.refuse(loading.look(model.present(), LOOKED_AT))
        missing = loading.missing()
    say(f"commit={hub.commit}")
    say(f"missing={missing}")
    say(f"free={max(0, free_at(spec['FOLDER']) - SPARE)}")


def prepared(spec: Mapping[str, str], records: Records) -> tuple[Model, Loading]:
    """What is there already, of which commit; to be written to. Ends the program where it cannot be."""
    model = Model(spec, records)
    for name in filter(None, spec["FAULTS"].split("\n")):
        if not leaves(name) and name in model.ledger.files:
            model.folder.remove(name)
    hub = Hub(spec, begun(model.folder))
    loading = Loading(hub, model, {} if spec["DEEP"] else records.known())
    model.refuse(loading.look(model.present()))
    missing, free = loading.missing(), free_at(model.path) - SPARE
    if missing > free:
        stop(f"no space: {gigabytes(missing)} are needed, {gigabytes(max(free, 0))} may be used on this disk")
    model.folder.save(COMMIT, f"{hub.commit}\n".encode())
    return model, loading


def fetch(spec: Mapping[str, str]) -> None:
    records = Records(spec)
    with records.alone():
        model, loading = prepared(spec, records)
        loading.load()
        model.folder.clear(PARTS)
        expected = {name: (entry.size, entry.sha256) for name, entry in loading.whole.items()}
        about = {"repo": spec["REPO"], "revision": spec["REVISION"], "commit": loading.hub.commit}
        model.make_sound(expected, loading.whole, about)


def _token() -> str:
    """From descriptor 3: an environment can be read for as long as its process runs. Empty if there is none."""
    try:
        with os.fdopen(3, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def main() -> None:
    spec = ChainMap({"HF_TOKEN": _token()}, os.environ)
    try:
        if spec["WORK"] == "room":
            become(spec["OWNER"])
            room(spec)
        else:
            become(spec["OWNER"], [spec["MODELS"], spec["FOLDER"]])
            fetch(spec)
    except UnsafePlace as refused:
        stop(f"no safe place: {refused}")
    except Odd as odd:
        stop(f"strange files: {odd}")
    except PermissionError as error:
        stop(f"not allowed: {user_name(os.geteuid())} may not use {error.filename}")
    except (OSError, ValueError) as problem:
        stop(str(problem))
