"""What `provision --version` says: the version, and the commit it was made from where that is known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from provision import __version__

_ROOT = Path(__file__).parents[2]

#: Beside this file in what was built from a checkout: setup.py writes it.
COMMIT = Path(__file__).with_name("commit")


def version_line() -> str:
    made_from = commit()
    return f"provision {__version__}" + (f" (commit {made_from})" if made_from else "")


def commit() -> str:
    """Such as `e159591fb1`, with `-dirty` where files were changed since; empty where nobody can tell."""
    if COMMIT.is_file():
        return COMMIT.read_text(encoding="utf-8").strip()
    return ask_git(_ROOT, "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*").strip()


def ask_git(root: Path, *arguments: str) -> str:
    """What git prints about the checkout at `root`; empty where that is none, or git is not there."""
    if not (root / ".git").exists():
        return ""
    # Inside a hook, GIT_DIR and its like name the repository of the hook. And git answers root about nobody else's
    # checkout, as in `sudo pip install .`; code from there is run already.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
