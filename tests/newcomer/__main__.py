"""Both commands of the README, as they are typed on a newcomer's machine. Needs root, Debian or Ubuntu, and a network.

Each case has a machine that a minimal Debian was just installed on, with python3, python3-venv and pip. Nothing
but the base systems and the logs, under --cache, is left behind.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import base
import outer
import story
from machine import machine
from who import Who

PROJECT = Path(__file__).parents[2]
SUITES = ("bookworm", "trixie")
#: Program → package of Debian.
NEEDS = {
    "debootstrap": "debootstrap",
    "git": "git",
    "nsenter": "util-linux",
    "pip": "python3-pip",
    "setpriv": "util-linux",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
}


def main() -> int:
    asked = arguments()
    if os.geteuid() != 0:
        raise SystemExit(f"error: namespaces and debootstrap need root\nhint: sudo python3 {sys.argv[0]}")
    missing = sorted({package for program, package in NEEDS.items() if shutil.which(program) is None})
    if missing:
        raise SystemExit(f"error: this machine lacks programs\nhint: apt-get install {' '.join(missing)}")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    asked.cache.mkdir(parents=True, exist_ok=True)
    pip = outer.pip()
    cases = asked.case or story.TYPED[asked.command]
    asked_for = [(suite, name) for suite in asked.suite or SUITES for name in cases]
    done = [(f"{suite}-{name}", step) for suite, name in asked_for for step in case(asked, pip, suite, name)]
    print()
    for where, step in done:
        print(f"{where:<20}  {step.verdict()}")
    return 1 if any(step.wrong for _, step in done) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 tests/newcomer", description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=("demo", "tests"), help="which of the README's two commands")
    parser.add_argument(
        "--suite", action="append", choices=SUITES, help="a release of Debian, repeatable; default: all"
    )
    parser.add_argument("--case", action="append", choices=story.WHO, help="whose machine, repeatable; default: all")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--cache", type=Path, default=caches / "provision-newcomer", help="default: %(default)s")
    parser.add_argument("--keep", action="store_true", help="keep each machine's files, and go on with them next time")
    parser.add_argument("--fetched", type=Path, help="a folder for what is fetched: the next machine need not again")
    return parser.parse_args()


def case(asked: argparse.Namespace, pip: outer.Pip, suite: str, name: str) -> Iterator[story.Step]:
    """What came of each step on the machine `name` with `suite`, told as it comes."""
    who = story.WHO[name]
    log = asked.cache / f"{asked.command}-{suite}-{name}.log"
    steps = story.nobody if not who.name and asked.command == "demo" else getattr(story, asked.command)
    with alone(asked.cache / f"machine-{suite}-{name}.lock"), files(asked, suite, name) as root:
        log.write_text("")
        print(f"\n== {suite}, {name} ==  {log}", flush=True)
        unpack(root, who)
        with machine(root, pip, who, shared(asked, who), log) as newcomer:
            for step in steps(newcomer, who):
                tell(step)
                yield step


@contextlib.contextmanager
def alone(place: Path) -> Iterator[None]:
    """Two runs of one case would take the machine's files from each other."""
    with place.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"error: another run has {place.stem}\nhint: wait for it, or give this one a --cache of its own"
            ) from None
        yield


@contextlib.contextmanager
def files(asked: argparse.Namespace, suite: str, name: str) -> Iterator[Path]:
    """A copy of the base's files. They are a plain folder: the lab's hosts stand on overlays, which cannot be stacked
    at will."""
    source = base.base(suite, asked.cache)
    root = asked.cache / f"machine-{suite}-{name}"
    if root.exists() and not asked.keep:
        shutil.rmtree(root)
    try:
        if not root.exists():
            subprocess.run(["cp", "--archive", "--reflink=auto", str(source), str(root)], check=True)
        yield root
    finally:
        if not asked.keep:
            shutil.rmtree(root)


def unpack(root: Path, who: Who) -> None:
    """The project as git would take it from here, without its history."""
    tree = root / who.tree.lstrip("/")
    shutil.rmtree(tree, ignore_errors=True)
    command = ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (PROJECT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, tree / name)
    owner = f"{who.uid}:{who.uid}" if who.name else "root:root"
    subprocess.run(["chown", "--recursive", owner, str(tree)], check=True)


def shared(asked: argparse.Namespace, who: Who) -> dict[Path, str]:
    if not asked.fetched or not who.home:
        return {}
    folder = asked.fetched.absolute() / str(who.uid)
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, who.uid, who.uid)
    return {folder: f"{who.home}/.cache"}


def tell(step: story.Step) -> None:
    print(step.verdict())
    for line in step.typed.output.splitlines()[-(15 if step.wrong else 4) :]:
        print(f"    {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
