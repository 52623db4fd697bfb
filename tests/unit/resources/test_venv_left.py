"""What no environment needs, by the shells of hosts: of this cluster, and of none that is called alike."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

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
