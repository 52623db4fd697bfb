"""Which files of a folder provision has written itself: those alone it may replace or remove.

The ledger lies in the folder, so that hosts that share it share what is known of it, and is written before a file is
put into its place: a run that breaks off in between leaves nothing of ours that looks like somebody else's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from provision.payload.weights.folder import Folder
from provision.payload.weights.manifest import LONGEST, Entry, parsed, text_of
from provision.payload.weights.names import OWN

NAME = f"{OWN}written"
FORMAT = "provision-written 1"


class Ledger:
    """`files`: with their hashes, as they were written. `made`: the folder is ours. `copied`: it was another one.
    `before`: it is from before those who use such a folder were noted."""

    def __init__(self, folder: Folder, older: Mapping[str, Entry], at: str = "") -> None:
        """`older`: what is ours where there is no ledger yet. `at`: where the folder lies, if not in ours: in a copy
        that somebody made of a folder, the ledger that came along counts for nothing."""
        self._folder, self._at, self._lock = folder, at, threading.Lock()
        self.copied = self.before = False
        try:
            text = folder.read(NAME, LONGEST).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            self.made, self.files = False, dict(older)
            return
        about, self.files = parsed(text, (FORMAT,))
        self.made = about.get("made") == "yes"
        self.before = bool(at) and "at" not in about
        if at and about.get("at", at) != at:
            self.made, self.files, self.copied = False, {}, True

    def add(self, files: Mapping[str, Entry]) -> None:
        with self._lock:
            self.files.update(files)
            self._save()

    def drop(self, names: set[str]) -> None:
        with self._lock:
            self.files = {name: entry for name, entry in self.files.items() if name not in names}
            self._save()

    def begin(self, *, made: bool) -> None:
        """From the first moment on the folder shows whose it is."""
        with self._lock:
            self.made = self.made or made
            self._save()

    def _save(self) -> None:
        about = {"made": "yes"} if self.made else {}
        if self._at:
            about["at"] = self._at
        self._folder.save(NAME, text_of(FORMAT, about, self.files).encode("utf-8", "surrogateescape"))
