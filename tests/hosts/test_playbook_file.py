"""Mistakes in playbook files, told as a person wrote them; and the command line with one of one's own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import Sshds
from own_playbooks import Here

import provision
from provision.core.errors import PlaybookError
from provision.inventory.models import Host

pytestmark = pytest.mark.hosts


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def make_here(make_host: Callable[..., Host], tmp_path: Path) -> Callable[[int], Here]:
    return lambda count: Here(tmp_path, [make_host() for _ in range(count)])


@pytest.fixture
def here(make_here: Callable[[int], Here]) -> Here:
    return make_here(2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def playbook(cluster):\n    return (\n", r"mine\.py:2: SyntaxError"),
        ("import os\nraise RuntimeError('on purpose')\n", r"mine\.py:2: RuntimeError: on purpose"),
        ("import nothing_of_that_name\n", r"mine\.py:1: ModuleNotFoundError: .*nothing_of_that_name"),
        ("def book(cluster):\n    pass\n", r"mine\.py: defines no `playbook\(cluster\)` function"),
        ("def playbook(cluster):\n    pass\n", r"mine\.py: `playbook` returned NoneType, not a Playbook"),
        ("def playbook(cluster):\n    x = 1\n    return cluster.nods\n", r"mine\.py:3: AttributeError: .*nods"),
        ("import sys\nsys.exit(3)\n", r"mine\.py:2: SystemExit: 3"),
    ],
)
def test_a_mistake_in_a_playbook_is_told_with_file_and_line(here: Here, text: str, message: str) -> None:
    with pytest.raises(PlaybookError, match=message):
        provision.check(here.inventory, **here.options(here.file(text)))


def test_a_step_on_a_host_that_is_not_in_the_inventory_is_refused(here: Here) -> None:
    stray = here.playbook(body='book.add(Marker("/x", "host-9"), on="host-9")')
    with pytest.raises(PlaybookError, match="host-9"):
        provision.up(here.inventory, **here.options(stray))
    assert here.made == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.path}", "self.pth}"),
        ('return {"text"', 'return {1 / 0: "", "text"'),
        ("FIX\n        return", "FIXX\n        return"),
    ],
    ids=["probe", "want", "fix"],
)
def test_a_mistake_in_a_users_resource_names_file_and_line(here: Here, old: str, new: str) -> None:
    text = here.playbook().read_text()
    assert old in text
    mine = here.file(text.replace(old, new))
    with pytest.raises(PlaybookError, match=r"mine\.py:\d+: (AttributeError|ZeroDivisionError|NameError)"):
        provision.up(here.inventory, **here.options(mine))
    assert here.made == []


def test_the_command_line_runs_a_playbook_of_ones_own_and_says_where_it_is_wrong(here: Here, sshds: Sshds) -> None:
    mine = here.playbook()
    hosts = "".join(
        f"  {host.name}: {{address: {host.address}, role: {host.role}, ssh: {{port: {host.ssh.port}}}}}\n"
        for host in here.inventory.hosts
    )
    ssh = f"ssh: {{key: {sshds.key}, known_hosts: {sshds.known_hosts}, config: {os.devnull}}}\n"
    here.inventory.path.write_text(f"cluster: here\nroot: {here.kept}\n{ssh}hosts:\n{hosts}")

    def run(command: str, *options: object) -> tuple[int, str]:
        arguments = [Path(sys.executable).with_name("provision"), command, here.inventory.path, "--playbook", mine]
        done = subprocess.run([*arguments, *options], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("up", "--limit", "host-2")[0] == 0
    assert here.made == ["host-2"]
    code, said = run("check")
    assert (code, "marker" in said) == (3, True)
    assert run("up")[0] == 0
    assert run("check")[0] == 0
    assert run("down")[0] == 0
    assert here.made == []

    with here.inventory.path.open("a") as file:
        file.write("playbook: mine.py\n")

    def by_inventory(*words: str) -> str:
        command = [Path(sys.executable).with_name("provision"), *words, here.inventory.path]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == (3 if words[0] == "plan" else 0), done.stderr
        return done.stdout

    assert f"`provision up {here.inventory.path} --limit host-1` would do it" in by_inventory(
        "plan", "--limit", "host-1"
    )
    by_inventory("up")
    assert here.made == ["host-1", "host-2"]
    by_inventory("down")
    assert here.made == [], "`down` means the playbook that `up` meant"
    mine.write_text("def playbook(cluster):\n    return None + 1\n")
    code, said = run("check")
    assert code == 2
    assert f"error: {mine}:2: TypeError" in said
    assert "Traceback" not in said
