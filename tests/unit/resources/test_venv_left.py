"""What no environment needs, by the shells of hosts: of this cluster, and of none that is called alike."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.resources.venv_left import leftovers


def test_nothing_is_removed_of_a_cluster_whose_name_ends_in_the_same_way(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "envs").mkdir(parents=True)
    for folder in ("uploads", "cache"):
        for cluster in ("llama", "big-llama"):
            (root / folder / f"0123456789ab-{cluster}-gpu-01").mkdir(parents=True)
    script = leftovers(str(root), "llama", "gpu-01", remove=True)
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    subprocess.run(["sh", "-c", script.body], env=environment, check=True, capture_output=True)
    for folder in ("uploads", "cache"):
        assert [path.name for path in (root / folder).iterdir()] == ["0123456789ab-big-llama-gpu-01"]


@pytest.mark.parametrize("every", [True, False])
def test_what_was_not_shown_is_not_removed(tmp_path: Path, every: bool) -> None:
    root = tmp_path / "a root"
    for name in ("0123456789ab", "0123456789a*", "ffffffffffff"):
        (root / "uploads" / f"{name}-llama-gpu-01").mkdir(parents=True)
    (root / "envs").mkdir()
    shown = [] if every else [f"{root}/uploads/{name}-llama-gpu-01" for name in ("0123456789a*", "ffffffffffff")]
    script = leftovers(str(root), "llama", "gpu-01", remove=True, shown=[*shown, f"{root}/envs"][: 3 * len(shown)])
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    done = subprocess.run(["sh", "-c", script.body], env=environment, check=True, capture_output=True, text=True)
    left = [path.name for path in root.glob("uploads/*")]
    assert left == ([] if every else ["0123456789ab-llama-gpu-01"])
    assert len(done.stdout.splitlines()) == (3 if every else 2)
    assert every or (root / "envs").is_dir()
