"""What is sent comes from an installed package as well as from a checkout."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provision.payload.bundle import PROGRAMS, bundle, shell

ROOT = Path(__file__).parents[3]
PAYLOAD = ROOT / "provision" / "payload"
SHELL = sorted(path.relative_to(PAYLOAD).as_posix() for path in PAYLOAD.rglob("*.sh"))

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from provision.payload import bundle
asked = json.load(sys.stdin)
found = [bundle.__file__, [bundle.bundle(name) for name in asked[0]], [bundle.shell(name) for name in asked[1]]]
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as a wheel holds them: what setup.cfg lists, and nothing else of this folder."""
    place = tmp_path_factory.mktemp("built")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", place / "lib"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return place


@pytest.mark.parametrize("how", ["folder", "zip"])
def test_every_program_and_every_file_of_shell_is_in_it(built: Path, how: str) -> None:
    place = str(built / "lib")
    if how == "zip":
        place = shutil.make_archive(str(built / "provision"), "zip", place)
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", ASK, place],
        input=json.dumps([[*PROGRAMS], SHELL]),
        cwd=built,
        check=True,
        capture_output=True,
        text=True,
    )
    where, programs, files = json.loads(done.stdout)
    assert where.startswith(place)
    assert programs == [bundle(name) for name in PROGRAMS]
    assert files == [shell(name) for name in SHELL]
