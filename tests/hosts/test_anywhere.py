"""The command line as a user whom passwd does not have, and on a full disk: run by root, who can be that."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("root", "setpriv"),
]

INVENTORY = """\
cluster: llama
python: {packages: [iniconfig], version: "3.11"}
hosts:
  gpu-01: {address: 127.0.0.1, role: head, ssh: {port: 1, user: root}}
"""
UID = "432123"
CODE = "from provision.cli import main; main()"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder that anybody may enter, which pytest's own are not."""
    folder = Path(f"/tmp/provision-anywhere-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "inventory.yaml").write_text(INVENTORY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def run(work: Path) -> Run:
    """`run(*arguments, **variables)`: as nobody in particular. They may read what root may, since Python itself often
    lies below /root, and write what is theirs."""
    reads = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    user = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *reads)
    if subprocess.run([*user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root pass on CAP_DAC_READ_SEARCH")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    kept.pop("UV_CACHE_DIR", None)

    def call(*arguments: str, cwd: Path = work, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*user, sys.executable, "-c", CODE, *arguments],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], **kept, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


HOMES = [{}, {"HOME": "/"}, {"HOME": "/root"}, {"HOME": "/nonexistent"}, {"HOME": ""}]


@pytest.mark.parametrize("home", HOMES, ids=str)
@pytest.mark.parametrize("command", ["plan", "check", "down"])
def test_what_only_reads_works_for_a_user_whom_nobody_knows(run: Run, home: dict[str, str], command: str) -> None:
    done = run(command, "inventory.yaml", **home)
    assert done.returncode == 4
    assert "nothing listens on port 1" in done.stderr
    assert "warning: no log file: " in done.stderr
    assert "hint: name a writable folder in PROVISION_STATE_DIR" in done.stderr
    assert "bug:" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("home", HOMES, ids=str)
def test_up_says_which_variable_it_needs(run: Run, work: Path, home: dict[str, str]) -> None:
    done = run("up", "inventory.yaml", **home)
    assert done.returncode == 1
    assert done.stderr.endswith("hint: name a writable folder in PROVISION_STATE_DIR\n")
    assert [path.name for path in work.iterdir()] == ["inventory.yaml"]


@pytest.mark.parametrize("home", HOMES, ids=str)
def test_uv_is_given_a_cache_that_it_can_make(run: Run, home: dict[str, str]) -> None:
    """Whether an index can be reached from here or not: it is the cache that uv must not stumble over."""
    done = run("lock", "inventory.yaml", **home)
    assert "cache" not in done.stderr
    assert "bug:" not in done.stderr
    assert done.returncode == 0 or "the index cannot be reached" in done.stderr


def test_the_demo_says_that_sshd_would_not_know_its_user(run: Run, work: Path) -> None:
    done = run("demo", HOME=str(work))
    assert done.returncode == 1
    assert f"uid {UID} has no entry in passwd" in done.stderr
    assert [path.name for path in work.iterdir()] == ["inventory.yaml"]


def test_checks_of_ones_own_run_without_a_home_or_a_working_folder(run: Run, work: Path) -> None:
    checks = work / "checks"
    checks.mkdir()
    checks.chmod(0o777)
    (checks / "test_mine.py").write_text("def test_here():\n    assert 1 == 2\n")
    gone = work / "gone"
    gone.mkdir()
    before = sorted(checks.rglob("*"))
    code = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(work / "inventory.yaml"), "--tests", str(checks)],
        env={"PATH": os.environ["PATH"], "PROVISION_STATE_DIR": str(work / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "test_here" in done.stdout
    assert sorted(checks.rglob("*")) == before
    assert "test_here" in run("check", "inventory.yaml", "--tests", "checks").stdout
    assert sorted(checks.rglob("*")) == before


@pytest.fixture
def full(work: Path) -> Iterator[Path]:
    """A disk on which nothing more has room."""
    disk = work / "full"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=16k,mode=700,uid={UID}", "none", disk], check=False
    ).returncode:
        pytest.skip("this machine does not let root mount a disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("plan inventory.yaml", 4, "is not whole: no space left on device"),
        ("check inventory.yaml", 4, "is not whole: no space left on device"),
        ("check inventory.yaml --html full/x.html", 4, "`full/x.html` cannot be written: No space left on device"),
        ("check inventory.yaml --junit full/x.xml", 4, "`full/x.xml` cannot be written: No space left on device"),
        ("check inventory.yaml --save full/x.json", 4, "`full/x.json` cannot be written: No space left on device"),
        ("up inventory.yaml", 4, "is not whole: no space left on device"),
        ("init full/x.yaml", 1, "`full/x.yaml` cannot be written: no space left on device"),
    ],
)
def test_a_full_disk_is_told_and_leaves_no_half_files(
    run: Run, work: Path, full: Path, command: str, code: int, said: str
) -> None:
    fill(full)
    done = run(*command.split(), HOME="/", PROVISION_STATE_DIR=str(full))
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "bug:" not in done.stderr
    assert not [path for path in full.rglob("*") if path.name.startswith((".", "x.", "ray"))]
