"""What tests need of this machine, beside Python: programs, and what only some users and kernels may do.

A test says it with `@pytest.mark.needs("nft", "lab")`; what follows from its folder and its fixtures stands here. Root
gets what is missing installed, once, before the tests; otherwise such a test is skipped, with what it lacks.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import scratch

from provision.core.errors import NoHome
from provision.lab import LabError, base, namespaces, requirements
from provision.lab.lab import Lab, default_root
from provision.lab.state import locked

TESTS = Path(__file__).parent
#: Where this run's labs are: of their own, so that two runs on one machine do not meet.
VARIABLE = "PROVISION_LAB_DIR"
#: Beginnings of what a test says that is skipped in CI as well: no package manager has what it lacks, or it is too much
#: for one test, which was run by hand; or the checkout came without its history.
EXPECTED = (
    "there is no Python 3.",
    "ansible-vault is not installed",
    "ansible-inventory is not installed",
    "ansible-playbook is not installed",
    "the history of the repository is not here",
    "the lists of packages were not fetched here",
    "needs a Debian or Ubuntu of the table",
)
SSH = ("ps", "scp", "ssh", "ssh-keygen", "sshd")
#: Folder of tests → what each test in it needs.
FOLDERS = {"hosts": ("passwd", *SSH), "cluster": ("curl", *SSH)}
#: Fixture → what it needs.
FIXTURES = {
    "sshds": ("ps", "ssh-keygen", "sshd"),
    "user": ("root",),
    "make_cluster": ("lab",),
    "browser": ("chromium", "chromedriver"),
    "checkout": ("git",),
}
#: More than a program: what it stands for among the programs.
ABILITIES: dict[str, tuple[str, ...]] = {
    "root": (),
    "mount": (),
    "passwd": (),
    "lab": (*requirements.NAMESPACES, "iptables"),
    "loopback lab": (*requirements.LOOPBACK, *requirements.VLLM_LIBRARIES),
}


def needs_of(item: pytest.Item) -> list[str]:
    """All that the test needs, each once."""
    folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
    fixtures = getattr(item, "fixturenames", ())
    marked = [need for mark in item.iter_markers("needs") for need in mark.args]
    return list(dict.fromkeys([*FOLDERS.get(folder, ()), *(n for f in fixtures for n in FIXTURES.get(f, ())), *marked]))


def programs(needs: Iterable[str]) -> list[str]:
    """The programs among what is needed, with those that an ability stands for."""
    found = [program for need in needs for program in ABILITIES.get(need, (need,))]
    return [program for program in dict.fromkeys(found) if not program.startswith("/")]


@functools.cache
def lacks(need: str) -> str:
    """Why this machine does not have what is needed; empty where it has."""
    if need in ("root", "mount", "lab") and os.geteuid() != 0:
        return "needs root"
    if need == "mount" and not _may_mount():
        return "needs root that may mount (CAP_SYS_ADMIN)"
    if need in ("passwd", "loopback lab") and not _has_a_name():
        return f"needs a user that sshd knows: uid {os.geteuid()} has no entry in passwd"
    if need.startswith("/"):
        return "" if Path(need).exists() else f"this machine lacks `{need}`"
    if need == "lab" and (why := _no_lab()):
        return why
    if missing := requirements.missing(programs([need])):
        tool = requirements.manager() or "apt-get"
        packages = " ".join(requirements.packages_of(missing, tool))
        return f"this machine lacks `{'`, `'.join(missing)}` ({requirements.INSTALL[tool]} {packages})"
    return ""


def _may_mount() -> bool:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return bool(int(status["CapEff"], 16) >> 21 & 1)  # capabilities(7): CAP_SYS_ADMIN is bit 21


def _has_a_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


@functools.cache
def _no_lab() -> str:
    root = default_root()
    root.mkdir(parents=True, exist_ok=True)
    return namespaces.impossible(root)


def prepare(needs: Iterable[str], say: Callable[[str], None]) -> None:
    """Installs what is needed and missing, as far as this user can; makes the base of lab hosts, which all runs share.
    Several workers may come here at once: the first one does it."""
    wanted = [need for need in needs if need not in ("root", "mount", "passwd")]
    if os.geteuid() != 0:
        return
    with locked(Path("/run/provision-tests.lock")):
        if _no_lab():
            wanted = [need for need in wanted if need != "lab"]
        _install(programs(wanted), say)
        if "lab" in wanted and not requirements.missing(programs(["lab"])):
            _share_base(say)


def _install(wanted: list[str], say: Callable[[str], None]) -> None:
    """All at once, which is quick; where one of the packages does not exist here, each for itself."""
    try:
        requirements.ensure(wanted, say)
    except LabError as error:
        say(error.message)
        if len(wanted) > 1:
            for program in wanted:
                _install([program], say)


def _share_base(say: Callable[[str], None]) -> None:
    shared = Path("/var/lib/provision-lab")
    base.ensure(shared, say)
    # Those as well that have what runs containers: they take minutes, and only some runs need them.
    for made in shared.glob("base-*[0-9a-f]"):
        link = default_root() / made.name
        if not link.exists():
            link.symlink_to(made)


def own_labs() -> Path:
    """A place for the labs of this run, and the environment that makes everybody use it. What runs that were killed
    have left is removed."""
    before = os.environ.pop(VARIABLE, None)  # a run within a run
    try:
        above = default_root().with_name("provision-lab-tests")
    except NoHome:
        above = Path(before or Path(tempfile.gettempdir(), f"provision-lab-tests-{os.geteuid()}")).absolute()
    remove_left(above)
    place = above / str(os.getpid())
    if before != str(place):  # of one that was killed and had our pid
        with locked(above / "removing.lock"):
            remove_labs(place)
    os.environ[VARIABLE] = str(place)
    return place


def remove_left(above: Path) -> None:
    """The labs of runs that have ended. One at a time: runs that begin together would take files from each other."""
    if not above.is_dir():
        return
    with locked(above / "removing.lock"):
        for left in above.glob("*"):
            pid = left.name.removesuffix(scratch.IMAGE)
            if not pid.isdigit() or Path(f"/proc/{pid}").exists():
                continue
            if pid == left.name:
                remove_labs(left)
            else:
                left.unlink(missing_ok=True)


def remove_labs(place: Path) -> None:
    """All labs that are kept at `place`, and the place."""
    if not place.is_dir():
        return
    for state in place.glob("*/state.json"):
        Lab(place, state.parent.name).down()
    for path in place.iterdir():
        if path.is_symlink():
            path.unlink()
    scratch.unmount(place)
    shutil.rmtree(place)
