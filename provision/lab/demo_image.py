"""The image of `provision demo` in containers: a lab host's own system, with the demo's packages in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Python
from provision.lab import base, containers
from provision.lab.command import run
from provision.lab.image import write_image
from provision.lab.state import Containers

NAME = "provision-lab-demo:1"
VARIABLES = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
#: What a program of a package looks like, wherever it was installed.
SCRIPT = (
    "#!/usr/bin/python3\nimport sys\n\nfrom {module} import {function}\n\n"
    'if __name__ == "__main__":\n    sys.exit({function}())\n'
)
PROGRAMS: Mapping[str, tuple[str, str]] = {
    "ray": ("ray.scripts.scripts", "main"),
    "vllm": ("vllm.entrypoints.cli.main", "main"),
}


def write_demo_image(
    folder: Path,
    root: Path,
    kind: Containers,
    settings: Mapping[str, object],
    say: Callable[[str], None],
    *,
    programs: Mapping[str, tuple[str, str]] = PROGRAMS,
) -> Path:
    """Writes it into `folder`; `settings`: the inventory's section `python`, `root`: where labs are kept. `programs`:
    name → module and function. Raises LabError, LockError."""
    from uv import find_uv_bin

    archive, layer = folder / "image.tar", folder / "image"
    if archive.is_file():
        return archive
    python = Python.model_validate(settings)
    lock = ensure_lock(python, folder / "image.lock", base=folder, say=say)
    (folder / "requirements.txt").write_text(lock.requirements)
    say(f"making an image with {len(lock.packages)} packages, once")
    below = base.ensure(root, say, containers.PACKAGES[kind])
    site = layer / f"usr/local/lib/python{base.python_version(below)}/dist-packages"
    links = [f"--find-links={link}" for link in python.find_links]
    backend = [f"--torch-backend={python.torch_backend}"] if python.torch_backend else []
    shutil.rmtree(layer, ignore_errors=True)
    run(
        [
            *(find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(site)),
            *("--python-version", python.version, "--python-platform", python.platform, *links, *backend),
            *("-r", str(folder / "requirements.txt")),
        ],
        timeout=1800,
    )
    _compile(folder, below, layer)
    for name, (module, function) in programs.items():
        program = layer / "usr/local/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(SCRIPT.format(module=module, function=function))
        program.chmod(0o755)
    write_image(archive, NAME, [below, layer], VARIABLES)
    shutil.rmtree(layer)
    return archive


def _compile(folder: Path, below: Path, layer: Path) -> None:
    """Nobody in a container can write bytecode beside the packages, so it is part of the image: made by the Python that
    the image has. By hash, since the files of an image have no times."""
    places = [folder / name for name in ("work", "root")]
    for place in places:
        place.mkdir(exist_ok=True)
    compiling = "python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib"
    script = f'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4" && exec chroot "$4" {compiling}'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(below), str(layer), *map(str, places)]
    # A package may have files that are not for this Python.
    run(words, timeout=1800, check=False)
    for place in places:
        shutil.rmtree(place)
