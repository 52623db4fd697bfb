"""What runs on a host to make a folder of weights sound: puts what was sent into its place, hashes it, compares it with
what it should be, and writes its manifest.

It reads what it is to do from its environment, since a token must not be seen in a list of processes. Where root works
for a user, it becomes that user before it touches a file of the model.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from provision.payload.weights.folder import Folder, Odd
from provision.payload.weights.ledger import Ledger
from provision.payload.weights.manifest import LONGEST, OLDER, Entry, follow, hashed, listing, parsed, written
from provision.payload.weights.names import OWN, leaves
from provision.payload.weights.places import UnsafePlace, become, user_name
from provision.payload.weights.said import Progress, say, stop

#: Left free on the disk beside the model: a full one takes the services' logs along (bytes).
SPARE = 1 << 30

#: Below the folder: what was sent and is not in its place yet, by host.
INCOMING = f"{OWN}incoming"

#: Below a folder that is not in ours, which hosts may share: who uses it, a file each.
USES = f"{OWN}users"

#: Among them: users of before they were noted, whoever they are.
BEFORE = ".before"

Expected = Mapping[str, "tuple[int, str]"]


class Records:
    """What is noted beside the models: the manifest of this one, who uses it, and the lock."""

    def __init__(self, spec: Mapping[str, str], *, make: bool = True) -> None:
        self._folder = Folder.at(spec["MODELS"], make=make)
        self._manifest = _beside(spec["MANIFEST"], spec["MODELS"])
        self._mark, self._cluster = _beside(spec["MARK"], spec["MODELS"]), spec["CLUSTER"]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hosts may share the folder: one works, the others wait and find it done."""
        with os.fdopen(self._folder.open(f"{self._manifest}.lock", os.O_RDWR | os.O_CREAT), "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("::progress another host or run is at work on this folder: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            self.note_use()
            yield

    def take(self) -> None:
        """As `alone`, up to the end of the program. Raises BlockingIOError where another one is at work."""
        self._held = self._folder.open(f"{self._manifest}.lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.note_use()

    def note_use(self, elsewhere: str = "") -> None:
        """`elsewhere`: a folder that is not in ours, and to which something is brought: to be known also when another
        model is served."""
        lines = [self._cluster, *([elsewhere] if elsewhere else [])]
        self._folder.save(self._mark, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))

    def known(self) -> dict[str, Entry]:
        return parsed(self._text())[1]

    def older(self) -> dict[str, Entry]:
        """What a manifest says that comes from before there were ledgers."""
        return parsed(self._text(), (OLDER,))[1]

    def forget(self) -> None:
        self._folder.remove(self._manifest)

    def save(self, files: Mapping[str, Entry], about: Mapping[str, str]) -> None:
        self._folder.save(self._manifest, written(files, about).encode("utf-8", "surrogateescape"))

    def _text(self) -> str:
        try:
            return self._folder.read(self._manifest, LONGEST).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""


class Model:
    """The folder of a model that provision brings, and what it may do there."""

    def __init__(self, spec: Mapping[str, str], records: Records, *, make: bool = True) -> None:
        """`make`: it may be written to."""
        self.path, self.records = spec["FOLDER"], records
        self.folder = Folder.at(self.path, make=make)
        ours = bool(spec["OURS"])
        self.ledger = Ledger(self.folder, records.older() if ours else {}, "" if ours else self.path)
        if make:
            if self.ledger.before:
                # Who else uses it has not been noted, and may never be: noted is that, before the ledger says no more.
                self.folder.note(f"{USES}/{BEFORE}")
            self.ledger.begin(made=bool(spec["NEW"]))
            if not ours:
                if self.ledger.copied:
                    self.folder.clear(USES)
                records.note_use(self.path)
                self.folder.note(f"{USES}/{spec['CLUSTER']}@{spec['HOST']}")

    def present(self) -> dict[str, Entry]:
        found = self.folder.listing()
        if found.odd:
            stop(f"strange files: in {self.path} there are links, pipes or devices", *found.odd[:10])
        return dict(found.files)

    def refuse(self, names: list[str]) -> None:
        """Ends the program if there are any: files that provision did not write, and whose place it needs."""
        if names:
            stop(f"not ours: in {self.path} there are files that provision did not write", *sorted(names)[:10])

    def make_sound(self, expected: Expected, known: Mapping[str, Entry], about: Mapping[str, str]) -> None:
        """Judges all files and writes the manifest as the very last. `known`: hashes that need no second reading."""
        there = self.present()
        strange = set(there) - set(expected)
        self.refuse([name for name in strange if not self.wrote(name, there[name])])
        files = hashed(self.folder.open, {n: e for n, e in there.items() if n in expected}, known, Progress("hashing"))
        wrong = [name for name, (size, sha256) in expected.items() if _other(files.get(name), size, sha256)]
        self.refuse([name for name in wrong if name in files and name not in self.ledger.files])
        for name in strange:
            self.folder.remove(name)
        if wrong:
            for name in wrong:
                self.folder.remove(name)
            self.records.forget()
            told = (
                f"{n}: {'other content than expected, removed' if n in files else 'missing'}" for n in sorted(wrong)
            )
            stop("these files have to come again:", *told)
        self.ledger.drop(strange)
        self.records.save(files, about)

    def wrote(self, name: str, there: Entry) -> bool:
        """Whether it is as provision has written it."""
        entry = self.ledger.files.get(name)
        return entry is not None and entry[:2] == there[:2]


def receive(model: Model, inbox: str, expected: Expected, known: Mapping[str, Entry]) -> dict[str, Entry]:
    """Puts what was sent into its place, once all of it has been compared with what is there. Returns what is known of
    the files after that."""
    sent = {n: e for n, e in model.folder.listing(inbox).files.items() if n in expected and e.size == expected[n][0]}
    arrived = hashed(lambda name: model.folder.open(f"{inbox}/{name}"), sent, {}, Progress("hashing"))
    there = model.present()
    names = {name for name in arrived if name in there}
    before = hashed(model.folder.open, {name: there[name] for name in names}, known, Progress("comparing"))
    same = {name for name in names if before[name].sha256 == expected[name][1]}
    model.refuse([name for name in names - same if name not in model.ledger.files])
    good = {n: e for n, e in arrived.items() if e.sha256 == expected[n][1] and n not in same}
    model.ledger.add(good)
    for name in good:
        model.folder.move(f"{inbox}/{name}", name, replace=name in names)
    model.folder.clear(inbox)
    return {**known, **before, **good}


def lines_of(text: str) -> dict[str, tuple[int, str]]:
    """`sha256 size name` on each line. Raises ValueError for a name that leads out of the folder."""
    found = {}
    # Not `splitlines`: a name may hold what that takes for the end of a line.
    for line in filter(None, text.split("\n")):
        sha256, size, name = line.split(" ", 2)
        if why := leaves(name):
            raise ValueError(f"{name!r} is no name of a file: {why}")
        found[name] = (int(size), sha256)
    return found


def seal(spec: Mapping[str, str], records: Records) -> None:
    known = {} if spec["DEEP"] else records.known()
    about = dict(line.split("=", 1) for line in spec["ABOUT"].splitlines())
    expected = lines_of(spec["EXPECTED"])
    if expected:
        model = Model(spec, records)
        known = {**known, **receive(model, f"{INCOMING}/{spec['HOST']}", expected, known)}
        # Hosts that share the folder have inboxes of their own in it.
        model.folder.remove_empty(INCOMING)
        model.make_sound(expected, known, about)
        return
    folder = Path(spec["FOLDER"])
    if not folder.is_dir():
        stop(f"there is no folder {folder}")
    files = hashed(follow(folder), listing(folder), known, Progress("hashing"))
    if not files:
        stop(f"there are no files in {folder}")
    records.save(files, about)


def main() -> None:
    spec = os.environ
    try:
        become(spec["OWNER"], [spec["MODELS"], spec["FOLDER"]] if spec["EXPECTED"] else [spec["MODELS"]])
        records = Records(spec)
        with records.alone():
            seal(spec, records)
    except UnsafePlace as refused:
        stop(f"no safe place: {refused}")
    except Odd as odd:
        stop(f"strange files: {odd}")
    except PermissionError as error:
        stop(f"not allowed: {user_name(os.geteuid())} may not use {error.filename}")
    except (OSError, ValueError) as error:
        stop(str(error))


def _other(entry: Entry | None, size: int, sha256: str) -> bool:
    return entry is None or entry.size != size or entry.sha256 != sha256


def _beside(path: str, models: str) -> str:
    """The name of a file in the folder of models."""
    above, _, name = path.rpartition("/")
    if above != models or not name or name.startswith("."):
        raise UnsafePlace(f"{path} is no file of {models}")
    return name
