"""The metadata lives in setup.cfg; here is what setuptools has no setting for."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # a build has its own sys.path, without the tree that it builds

from provision.cli.version import COMMIT, ask_git, commit  # noqa: E402

#: What tools leave in a tree, and no sdist holds.
LEFT = {".git", ".venv", "__pycache__", "build", "dist"}


def note_commit(tree: Path) -> None:
    """Beside the code in `tree`, unless it is there already or nobody knows it."""
    if known := commit():
        place = tree / COMMIT.relative_to(ROOT)
        place.unlink(missing_ok=True)  # it may be a hard link into the source
        place.write_text(known + "\n", encoding="utf-8")


def whole() -> list[str]:
    """Every file that git tracks; of a tree without git, such as an unpacked sdist, all that is there."""
    if tracked := ask_git(ROOT, "ls-files", "-z"):
        return [name for name in tracked.split("\0") if name and (ROOT / name).is_file()]
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in LEFT and not name.endswith((".egg-info", "_cache"))]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]  # noqa: PTH118
    return found


class BuildPy(build_py):
    def run(self) -> None:
        if not self.editable_mode:
            # setuptools adds to what an earlier build left: a module that was removed since would be installed again.
            shutil.rmtree(Path(self.build_lib) / "provision", ignore_errors=True)
        super().run()
        if not self.editable_mode:
            note_commit(Path(self.build_lib))


class Sdist(sdist):
    def make_distribution(self) -> None:
        # Without what setuptools found besides: a person's own inventory may lie among the examples.
        made = [name for name in self.filelist.files if ".egg-info" in name]
        self.filelist.files = sorted({*made, *whole()})
        super().make_distribution()

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        note_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
