"""What one changed package costs on a host whose environment is there: against `uv pip sync` with a warm cache.

Makes one host on a loopback address with a real sshd, publishes packages of about the size of those that a model
server brings, builds an environment of them, and then, round by round, one in which a small package is of another
version: with provision (hard links or clones of what is there, each file hashed first), and with `uv venv` and `uv pip
sync`, which hash nothing that is in their cache. Both compile bytecode. Needs sshd, and 4 GB in the temporary folder.

    python -m benchmarks.environment              3 rounds: about two minutes
    python -m benchmarks.environment --assert     exit code 1 above 1.5 times, or if more is sent than what changed
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ending import signals_unwind
from benchmarks.index import publish
from benchmarks.measuring import Failed
from benchmarks.rack import Rack

#: Seconds on the host ÷ those of `uv pip sync`.
MOST = 1.5

#: Packages with so many modules of Python's own each; libraries of so many bytes.
PACKAGES, MODULES = 100, 40
LIBRARIES, LIBRARY = 12, 60_000_000
CHANGED = "changed"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.environment", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="counted ones; one more comes before (default: 3)")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="no bytecode, in both")
    parser.add_argument("--assert", dest="promise", action="store_true", help=f"fail above {MOST} times")
    asked = parser.parse_args()
    with signals_unwind(), tempfile.TemporaryDirectory(prefix="provision-environment-") as folder:
        try:
            costs = list(_measure(Path(folder), asked.rounds, asked.compile))
        except Failed as error:
            sys.exit(f"error: {error}")
    ours, theirs = (statistics.median(getattr(cost, name) for cost in costs) for name in ("ours", "theirs"))
    missed = [] if ours <= MOST * theirs else [f"{ours / theirs:.2f} times as long, promised is {MOST}"]
    missed += [
        f"{cost.sent} bytes were sent, and {cost.changed} changed" for cost in costs if cost.sent != cost.changed
    ]
    print(f"\non the host: {ours:.2f} s, `uv pip sync` {theirs:.2f} s: {ours / theirs:.2f} times (promised: {MOST})")
    print(f"sent: {costs[-1].sent} bytes of {costs[-1].total}")
    for line in missed if asked.promise else ():
        print(f"broken promise: {line}", file=sys.stderr)
    return 1 if asked.promise and missed else 0


@dataclass(frozen=True)
class Cost:
    """Seconds on the host. Bytes: sent to it, of the wheels that changed, of all wheels."""

    ours: float
    theirs: float
    sent: int
    changed: int
    total: int


def _measure(folder: Path, rounds: int, compiled: bool) -> Iterator[Cost]:
    from provision import load
    from provision.environment.lockfile import ensure_lock
    from provision.inventory.models import Python
    from provision.resources.venv import Venv
    from provision.transport import Transport

    index = folder / "packages"
    publish_all(index)
    with Rack(folder / "rack", 1) as rack, Transport(load(rack.inventory).hosts) as transport:
        (host,) = load(rack.inventory).hosts
        session = transport.connect(host)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        names = [*(f"package-{n:03d}" for n in range(PACKAGES)), *(f"library-{n:03d}" for n in range(LIBRARIES))]
        for number in range(rounds + 2):
            wheel = publish(index, CHANGED, f"{number}.0", {f"{CHANGED}.py": f"version = {number}\n" * 100})
            python = Python(
                version=version, packages=(f"{CHANGED}=={number}.0", *names), index=(index / "simple").as_uri(),
                wheels="controller", compile=compiled,
            )  # fmt: skip
            lock = ensure_lock(python, folder / "environment.lock")
            venv = Venv(lock, python, str(folder / "root"), "bench", "host", cache=folder / "wheels")
            venv.prepare(lambda _: None)
            have = venv.read(session.run([venv.probe()])[0])
            fix = venv.fix(have, venv.want())
            sent = sum(upload.source.stat().st_size for upload in fix.uploads)
            session.send(fix.uploads)
            with _seconds() as ours:
                (done,) = session.run([fix])
            if not done.ok or venv.diff(venv.read(session.run([venv.probe()])[0]), venv.want()):
                raise Failed(f"the environment was not built: {done.stderr[-3000:]}")
            theirs = _sync(folder, lock.requirements, python.index or "", version, compiled)
            if number > 1:
                total = sum(path.stat().st_size for path in index.rglob("*.whl") if CHANGED not in path.name)
                yield Cost(ours[0], theirs, sent, wheel.stat().st_size, total + wheel.stat().st_size)
                print(f"provision {ours[0]:.2f} s, uv pip sync {theirs:.2f} s", flush=True)


def publish_all(index: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    modules = [path for path in sorted(library.rglob("*.py")) if 1000 < path.stat().st_size < 20_000]
    modules = [path for path in modules if "test" not in path.parts and "site-packages" not in path.parts]
    for number in range(PACKAGES):
        name, chosen = f"package_{number:03d}", (modules * 20)[number * 7 :: 11][:MODULES]
        files = {f"{name}/m{n}.py": path.read_bytes() for n, path in enumerate(chosen)}
        publish(index, f"package-{number:03d}", "1.0", {f"{name}/__init__.py": b"", **files})
    for number in range(LIBRARIES):
        name = f"library_{number:03d}"
        files = {f"{name}/__init__.py": b"", f"{name}/data.bin": os.urandom(LIBRARY)}
        publish(index, f"library-{number:03d}", "1.0", files)


def _sync(folder: Path, requirements: str, index: str, version: str, compiled: bool) -> float:
    from uv import find_uv_bin

    from provision.environment.ambient import sealed

    uv, own = find_uv_bin(), folder / "uv"
    env = {**sealed(), "UV_CACHE_DIR": str(own / "cache"), "UV_LINK_MODE": "hardlink", "UV_DEFAULT_INDEX": index}
    own.mkdir(exist_ok=True)
    (own / "requirements.txt").write_text(requirements)
    shutil.rmtree(own / "venv", ignore_errors=True)
    compiling = ["--compile-bytecode"] if compiled else []
    sync = [uv, "pip", "sync", "-q", "--require-hashes", *compiling, "--python", own / "venv/bin/python"]
    with _seconds() as took:
        for command in ([uv, "venv", "-q", "--python", version, own / "venv"], [*sync, own / "requirements.txt"]):
            subprocess.run(command, check=True, env=env)
    return took[0]


@contextmanager
def _seconds() -> Iterator[list[float]]:
    found: list[float] = []
    began = time.monotonic()
    yield found
    found.append(time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
