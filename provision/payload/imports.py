"""Whether an environment can import what it is for: its main packages, and one compiled extension of each, which is
where a library that is missing on the host shows.

Run by the environment's own Python, outside of which nothing is known of what is in it. Prints the files that were
imported, and the packages' programs, each behind its package, as paths in the environment: one in which none of them is
younger need not be tried again.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import mmap
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

#: What a host without a GPU has not got, as the packages that want one say it: no fault of the environment.
DRIVER = re.compile(r"libcuda\.so|libnvidia-|libamdhip|libhsa|no (nvidia|cuda|gpu|rocm)|driver", re.IGNORECASE)

SUFFIXES = tuple(sorted(importlib.machinery.EXTENSION_SUFFIXES, key=len, reverse=True))


def main() -> None:
    """Arguments: the environment's folder, the names of its main packages, and the seconds that it may take."""
    env, names, patience = sys.argv[1], sys.argv[2].split(), int(sys.argv[3])
    # Whoever hangs is ended, also in code that is not Python's.
    signal.alarm(patience)
    # What a package prints when it is imported is not ours.
    out = os.dup(1)
    os.dup2(2, 1)
    lines = []
    for name in names:
        for module, file in modules(name):
            lines.append(f"{name} {os.path.relpath(file, env)}")
            attempt(name, module)
        lines += [f"{name} {program}" for program in programs(name, env)]
    os.write(out, "".join(f"{line}\n" for line in lines).encode())
    sys.stdout.flush()
    # Threads of what was imported are not waited for.
    os._exit(0)


def attempt(name: str, module: str) -> None:
    try:
        importlib.import_module(module)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        if DRIVER.search(said) and not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")):
            return
        fail(f"`{name}` cannot be imported: {said}")


def fail(why: str) -> NoReturn:
    sys.stderr.write(why + "\n")
    sys.stderr.flush()
    os._exit(1)


def modules(name: str) -> Iterator[tuple[str, str]]:
    """The modules that a package is imported by, and one that is compiled, each with its file."""
    try:
        listed = importlib.metadata.distribution(name).files or []
    except importlib.metadata.PackageNotFoundError:
        fail(f"`{name}` is not installed")
    tops: dict[str, str] = {}
    compiled = []
    for path in listed:
        parts = path.parts
        suffix = next((end for end in SUFFIXES if parts[-1].endswith(end)), "")
        words = [*parts[:-1], parts[-1][: -len(suffix)] if suffix else parts[-1].partition(".py")[0]]
        if not all(word.isidentifier() for word in words):
            continue
        if len(parts) == 1 and (suffix or parts[0].endswith(".py")):
            tops.setdefault(words[0], str(path.locate()))
        elif len(parts) == 2 and parts[1] == "__init__.py":
            tops[parts[0]] = str(path.locate())
        if suffix:
            compiled.append((len(parts), len(words[-1]), words, str(path.locate())))
    chosen = [top for top in tops if top.lower() == name.replace("-", "_")] or [
        t for t in tops if not t.startswith("_")
    ]
    yield from ((top, tops[top]) for top in chosen[:3])
    for _, _, words, file in sorted(compiled):
        if words[0] in chosen and is_module(file, words[-1]):
            yield ".".join(words), file
            return


def programs(name: str, env: str) -> Iterator[str]:
    """What a package is started by, as paths in the environment."""
    for path in importlib.metadata.distribution(name).files or []:
        place = os.path.relpath(str(path.locate()), env)
        if place.startswith("bin/"):
            yield place


def is_module(file: str, name: str) -> bool:
    """And not just a library that others load."""
    with Path(file).open("rb") as binary, mmap.mmap(binary.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(f"PyInit_{name}".encode()) >= 0
