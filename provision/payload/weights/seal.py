"""What runs on a host to make a folder of weights sound: hash it, hold it against what was sent, write its manifest.

It reads what it is to do from its environment, since a token must not be seen in a list of processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from provision.payload.weights.manifest import Entry, hashed, listing, load, save, written

#: Left free on the disk beside the model: a full one takes the services' logs along (bytes).
SPARE = 1 << 30


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stop(*lines: str) -> None:
    """Ends the program. The lines are the evidence that a person sees."""
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
    # Threads that still load something must not keep it from ending.
    os._exit(1)


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class Progress:
    """Bytes so far, some times a second."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < 0.5:
            return
        self._last = now
        speed = done / max(now - self._began, 0.001)
        left = int((total - done) / speed) if speed else 0
        clock = f"{left // 60}:{left % 60:02d}"
        say(f"::progress {self._what}  {gigabytes(done)} of {gigabytes(total)}  {gigabytes(speed)}/s, {clock} left")


@contextmanager
def alone(manifest: Path) -> Iterator[None]:
    """Hosts may share the folder: one works, the others wait and find it done."""
    with manifest.with_name(manifest.name + ".lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("::progress another host or run is at work on this folder: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def present(folder: Path) -> dict[str, Entry]:
    return listing(folder) if folder.is_dir() else {}


def tidy(folder: Path, wanted: Mapping[str, object], *, ours: bool) -> None:
    """What a broken transfer left goes; so does, in a folder of our own, what is no part of the model."""
    for path in folder.glob("**/.incoming.*"):
        shutil.rmtree(path, ignore_errors=True)
    strange = sorted(set(present(folder)) - set(wanted))
    if strange and not ours:
        stop(f"strange files: in {folder} there are some that are no part of the model", *strange[:10])
    for name in strange:
        (folder / name).unlink()


def held_against(folder: Path, files: Mapping[str, Entry], expected: Mapping[str, tuple[int, str]]) -> list[str]:
    """What is not as expected, in words; such a file is removed, for the next run to bring it again. An expected hash
    may be empty: then the size decides."""
    wrong = []
    for name, (size, sha256) in sorted(expected.items()):
        entry = files.get(name)
        if entry is None:
            wrong.append(f"{name}: missing")
        elif entry.size != size or (sha256 and entry.sha256 != sha256):
            (folder / name).unlink()
            wrong.append(f"{name}: other content than expected, removed")
    return wrong


def hand_over(folder: Path, owner: str, models: Path) -> None:
    """Root worked for somebody else: theirs to read, and the folders above let them in."""
    models.chmod(0o755)
    for place, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        Path(place).chmod(0o755)
        for path in (Path(place, name) for name in files):
            path.chmod(0o644)
            if owner:
                shutil.chown(path, owner)


def lines_of(text: str) -> dict[str, tuple[int, str]]:
    """`sha256 size name` on each line, `-` for a hash that is not known."""
    found = {}
    for line in text.splitlines():
        sha256, size, name = line.split(" ", 2)
        found[name] = (int(size), "" if sha256 == "-" else sha256)
    return found


def make_sound(spec: Mapping[str, str], expected: Mapping[str, tuple[int, str]], about: Mapping[str, str]) -> None:
    """Hashes what has no hash yet, judges, and writes the manifest as the very last."""
    folder, manifest = Path(spec["FOLDER"]), Path(spec["MANIFEST"])
    ours, known = bool(spec["OURS"]), {} if spec["DEEP"] else load(manifest)[1]
    if not folder.is_dir():
        stop(f"there is no folder {folder}")
    if expected:
        tidy(folder, expected, ours=ours)
    files = hashed(folder, present(folder), known, Progress("hashing"))
    if not files:
        stop(f"there are no files in {folder}")
    wrong = held_against(folder, files, expected)
    if wrong:
        manifest.unlink(missing_ok=True)
        stop("these files have to come again:", *wrong)
    if expected:
        hand_over(folder, spec["OWNER"], Path(spec["MODELS"]))
    save(manifest, written(files, about))


def main() -> None:
    spec = os.environ
    try:
        with alone(Path(spec["MANIFEST"])):
            save(Path(spec["MARK"]), spec["CLUSTER"] + "\n")
            about = dict(line.split("=", 1) for line in spec["ABOUT"].splitlines())
            make_sound(spec, lines_of(spec["EXPECTED"]), about)
    except (OSError, ValueError) as error:
        stop(str(error))
