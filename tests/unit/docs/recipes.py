"""The recipes of CONTRIBUTING.md, as steps on a copy of the project: files to write, lines to add, commands to run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

_STEP = re.compile(
    r"""^(?:Write\ `(?P<file>[^`]+)`
         |At\ the\ end\ of\ `(?P<end>[^`]+)`
         |In\ `(?P<within>[^`]+)`,\ below\ `(?P<below>[^`]+)`):\n\n
        ```\w+\n(?P<text>.*?)^```$
        |^```sh\n(?P<commands>.*?)^```$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Recipe:
    """`title` and text of a section."""

    title: str
    text: str

    def steps(self) -> Iterator[re.Match[str]]:
        return _STEP.finditer(self.text)


def recipes() -> dict[str, Recipe]:
    """Those sections of the document that have something written somewhere."""
    sections = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)[1:]
    found = [Recipe(title, text) for title, _, text in (section.partition("\n") for section in sections)]
    return {one.title: one for one in found if any(not step["commands"] for step in one.steps())}


class Project:
    """A copy of the project in `folder`. It stays in one place: what was compiled, checked and linted there once need
    not be again."""

    def __init__(self, folder: Path) -> None:
        self._root, self._git = copy(folder / "project"), folder / "git"
        self._run("init", "-q")
        self._run("add", "-Af")
        self._run("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "As it was")

    def as_it_was(self) -> Path:
        self._run("reset", "-q", "--hard")
        self._run("clean", "-fdq", "-e", "__pycache__", "-e", ".*_cache")
        return self._root

    def _run(self, *arguments: str) -> None:
        # Not in the copy, which would be taken for a checkout.
        command = ["git", f"--git-dir={self._git}", f"--work-tree={self._root}", *arguments]
        subprocess.run(command, check=True, cwd=self._root)


def copy(to: Path) -> Path:
    """The project without what is made in it, and with a `.venv/bin` that runs what is installed here on the copy."""
    left_out = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", "*.egg-info", "test_recipes.py")
    for name in ("provision", "playbooks", "inventories", "tests", "docs"):
        shutil.copytree(ROOT / name, to / name, ignore=left_out)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("setup.*"), ROOT / ".ruff.toml"):
        shutil.copy(path, to)
    programs = to / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pytest", "ruff", "mypy", "provision", "python"):
        module = "" if name == "python" else f"-m {name}"
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (programs / name).chmod(0o755)
    return to


def follow(recipe: Recipe, project: Path, *, commands: bool = True) -> None:
    """Does what the text says, in its order. Raises AssertionError with what a command printed, if one fails."""
    for step in recipe.steps():
        if step["commands"]:
            if commands:
                run(project, step["commands"])
        elif step["file"]:
            path = project / step["file"]
            assert path.parent.is_dir() and not path.exists(), path
            path.write_text(step["text"])
        elif step["end"]:
            path = project / step["end"]
            path.write_text(path.read_text() + step["text"])
        else:
            path = project / step["within"]
            before, line, after = path.read_text().partition(f"{step['below']}\n")
            assert line, f"{path} has no line `{step['below']}`"
            path.write_text(before + line + step["text"] + after)


def run(project: Path, commands: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(project), "HOME": str(project / ".venv")}
    env.pop("WRITE_DOCS", None)
    for name in [name for name in env if name.startswith("PYTEST_")]:
        del env[name]
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=project, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{commands}\n{done.stdout[-6000:]}"
    return done.stdout
