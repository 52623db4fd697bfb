"""No home, no name, no working folder, no room: a command works, or says what to do; it never calls that a bug."""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from provision.core import person
from provision.lab import demo as stage
from provision.lab import loopback
from provision.lab.command import LabError
from provision.lab.cpu_vllm import write_wheels
from provision.lab.lab import Lab

Call = Callable[..., Result]

HOST = "cluster: llama\nhosts:\n  gpu-01: {{address: 127.0.0.1, role: head, ssh: {{port: 1{more}}}}}\n"
NAMED = HOST.format(more=", user: root")
UID = 4_000_000_123  # in no passwd


@pytest.fixture
def nameless(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whom passwd does not have, without $HOME, as `docker run -u` makes them. An inventory is there."""
    for name in (
        "HOME",
        "LOGNAME",
        "USER",
        "LNAME",
        "USERNAME",
        "PROVISION_STATE_DIR",
        "XDG_STATE_HOME",
        "PROVISION_LAB_DIR",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: UID)
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    monkeypatch.setattr(pwd, "getpwuid", _nobody)
    (folder / "inventory.yaml").write_text(NAMED)
    return folder


def _nobody(uid: int) -> pwd.struct_passwd:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


# Below /proc not even root makes a folder.
@pytest.mark.parametrize("home", [None, "", "relative", "/proc/nonexistent", "/dev/null"])
@pytest.mark.parametrize("command", ["plan", "check", "down"])
def test_what_only_reads_works_without_a_home(
    call: Call, nameless: Path, home: str | None, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if home is not None:
        monkeypatch.setenv("HOME", home)
    before = sorted(nameless.iterdir())
    result = call(command)
    assert (result.exit_code, "nothing listens on port 1" in result.stderr) == (4, True)
    assert "bug:" not in result.stderr
    if home in (None, "", "relative"):
        assert "warning: no log file: " in result.stderr
        assert "hint: name a writable folder in PROVISION_STATE_DIR" in result.stderr
    assert sorted(nameless.iterdir()) == before


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["up"], 1, "there is no state folder: $HOME is not set"),
        (["check", "--since-up"], 1, "hint: name a writable folder in PROVISION_STATE_DIR"),
        (["trust"], 4, "nothing listens on port 1"),
        (["lab", "status"], 1, "hint: name a writable folder in PROVISION_LAB_DIR"),
        (["lab", "up"], 1, "hint: name a writable folder in PROVISION_LAB_DIR"),
        (["lab", "down"], 1, "hint: name a writable folder in PROVISION_LAB_DIR"),
        (["demo"], 1, "hint: name a writable folder in PROVISION_LAB_DIR"),
        (["smoke"], 2, "the inventory serves no model"),
        (["bench"], 2, "the inventory serves no model"),
        (["firewall"], 4, "nothing listens on port 1"),
        (["schema"], 0, ""),
        (["init", "new.yaml"], 0, ""),
        (["plan", "nosuch.yaml"], 2, "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_command_without_a_home(call: Call, nameless: Path, command: list[str], code: int, said: str) -> None:
    result = call(*command)
    assert result.exit_code == code
    assert said in result.stderr
    assert "bug:" not in result.stderr


@pytest.mark.parametrize(
    "config", ["", "Host *\n  User nemo\n", "Host *\n  IdentityFile ~/.ssh/%u\n", "Match localuser x\n  Port 2\n"]
)
def test_who_logs_in_must_be_said_by_somebody(
    call: Call, nameless: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko asks for our name where ssh_config has a `%u` or a `Match`, fabric always."""
    (nameless / "ssh_config").write_text(config)
    (nameless / "inventory.yaml").write_text(HOST.format(more=", config: ssh_config"))
    unknown = f"there is no user to log in to `127.0.0.1` as: uid {UID} has no name on this machine"
    result = call("plan")
    assert (result.exit_code, unknown in result.stderr) == (4, "User" not in config)
    assert "LOGNAME" not in os.environ
    monkeypatch.setenv("LOGNAME", "nemo")
    result = call("plan")
    assert (result.exit_code, "nothing listens on port" in result.stderr) == (4, True)


def test_a_key_below_a_home_that_nobody_knows_is_a_mistake_in_the_inventory(call: Call, nameless: Path) -> None:
    (nameless / "inventory.yaml").write_text(HOST.format(more=", user: root, key: ~/.ssh/id_rsa"))
    result = call("plan")
    assert result.exit_code == 2
    said = "the key file `~/.ssh/id_rsa` is in a home folder that cannot be determined: $HOME is not set"
    assert said in result.stderr


@pytest.mark.parametrize("more", [", known_hosts: ~/x", ""])
def test_no_folder_called_tilde_is_ever_made(nameless: Path, more: str) -> None:
    from provision.core.errors import NoHome
    from provision.transport.trust import record

    for path in ("~/.ssh/known_hosts", "~nosuch-user/known_hosts"):
        with pytest.raises(NoHome) as caught:
            record([], Path(path))
        assert caught.value.hint == "name a file in `ssh.known_hosts`"
    assert not list(nameless.glob("~*"))


@pytest.mark.parametrize("path", ["~", "~/x/y", "~nosuch-user/x", "x/~", "/x", ""])
def test_a_path_that_cannot_be_expanded_stays_as_it_is(nameless: Path, path: str) -> None:
    assert person.expanded(path) == Path(path)


@pytest.mark.needs("passwd")
def test_home_is_the_environments_then_passwds(monkeypatch: pytest.MonkeyPatch) -> None:
    of_passwd = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    for home, expected in (
        (None, of_passwd),
        ("", of_passwd),
        ("relative", of_passwd),
        ("/elsewhere", Path("/elsewhere")),
    ):
        monkeypatch.delenv("HOME", raising=False) if home is None else monkeypatch.setenv("HOME", home)
        assert person.home() == expected
        assert person.expanded("~/x") == expected / "x"


def test_the_demo_says_first_that_sshd_would_know_nobody(
    nameless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(tmp_path / "labs", "demo")
    with pytest.raises(LabError, match=f"uid {UID} has no entry in passwd"):
        stage.ready(lab, rootless=True)
    with pytest.raises(LabError, match="no entry in passwd"):
        Lab(tmp_path / "other").up(1, 0, rootless=True)
    assert list((tmp_path / "other").iterdir()) == []
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with pytest.raises(LabError, match="no entry in passwd"):
        loopback.plan("lab", tmp_path, 1, 1)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "labs").exists()


def unwritable(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "a-file").touch()
    (tmp_path / "loop").symlink_to("loop")
    return {
        "a file in its place": f"{tmp_path}/a-file",
        "below a file": f"{tmp_path}/a-file/x",
        "nowhere": "/proc/nowhere",
        "a link to itself": f"{tmp_path}/loop",
        "somebody's who is nobody": "~nosuch-user/x",
        "a name that is too long": f"{tmp_path}/{'x' * 300}",
    }


STATES = ["a file in its place", "below a file", "nowhere", "a link to itself", "somebody's who is nobody",
          "a name that is too long"]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("command", "codes"),
    [("plan", {4}), ("check", {4}), ("check --since-up", {1, 2}), ("up", {1}), ("down", {4}), ("smoke", {2})],
)
def test_a_state_folder_that_cannot_be_written(
    call: Call, folder: Path, tmp_path: Path, state: str, command: str, codes: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", unwritable(tmp_path)[state])
    (folder / "inventory.yaml").write_text(NAMED)
    result = call(*command.split())
    assert result.exit_code in codes
    assert "hint: name a writable folder in PROVISION_STATE_DIR" in result.stderr
    assert "bug:" not in result.stderr
    assert not list(folder.glob("~*"))


@pytest.mark.parametrize("option", ["--html", "--junit", "--save"])
@pytest.mark.parametrize(
    "place", ["a file in its place", "below a file", "nowhere", "a link to itself", "a name that is too long"]
)
def test_a_file_that_cannot_be_written(call: Call, folder: Path, tmp_path: Path, option: str, place: str) -> None:
    (folder / "inventory.yaml").write_text(NAMED)
    path = f"{unwritable(tmp_path)[place]}/x.out"
    result = call("check", option, path)
    assert result.exit_code == 2
    assert path.rpartition("/")[0] in result.stderr
    assert "bug:" not in result.stderr


ABSOLUTE = {"plan": 4, "check": 4, "up": 4, "down": 4, "trust": 4, "firewall": 4}


@pytest.mark.parametrize("command", ABSOLUTE)
def test_a_working_folder_that_is_gone_matters_only_to_relative_names(
    call: Call, folder: Path, tmp_path: Path, command: str
) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(NAMED)
    folder.rmdir()
    result = call(command, str(inventory))
    assert (result.exit_code, "nothing listens on port 1" in result.stderr) == (ABSOLUTE[command], True)


@pytest.mark.parametrize(
    "command", [["plan"], ["plan", "inventory.yaml"], ["lock", "x.yaml"], ["init"], ["check", "--html", "x.html"],
     ["check", "/nonexistent.yaml", "--tests", "."]],
    ids=" ".join,
)  # fmt: skip
def test_a_working_folder_that_is_gone_is_told(call: Call, folder: Path, command: list[str]) -> None:
    folder.rmdir()
    result = call(*command)
    assert result.exit_code in (1, 2)
    assert result.stderr.endswith("note: the working directory was deleted or is not accessible: `cd` to another one\n")
    assert "bug:" not in result.stderr


def test_relative_state_in_a_folder_that_is_gone(
    call: Call, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", "state")
    (tmp_path / "inventory.yaml").write_text(NAMED)
    folder.rmdir()
    result = call("plan", str(tmp_path / "inventory.yaml"))
    assert (result.exit_code, "warning: no log file" in result.stderr) == (4, True)


def test_a_umask_that_takes_our_own_rights_is_not_followed(folder: Path) -> None:
    (folder / "inventory.yaml").write_text(NAMED)
    code = "import os, sys; os.umask(0o777); sys.argv = ['provision', 'plan']\nfrom provision.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    made = list(folder.parent.joinpath("state").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600, 0o700}


def test_where_warnings_are_errors_no_file_is_left_to_python(folder: Path, tmp_path: Path) -> None:
    write_wheels(tmp_path / "links")
    (folder / "inventory.yaml").write_text(f"{NAMED}python: {{packages: [vllm==0.32.0+cpu]}}\n")
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "links")}
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "provision", "lock"]
    done = subprocess.run(command, env={**os.environ, **links}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_room_for_temporary_files_is_told_with_the_variable(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lock.yaml").write_text(f'{NAMED}python: {{packages: [nothing], version: "3.11"}}\n')

    def nowhere(*_: object, **__: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp']")

    monkeypatch.setattr("tempfile.TemporaryDirectory.__init__", nowhere)
    result = call("lock", "lock.yaml")
    assert result.exit_code == 1
    assert "error: no usable temporary directory found" in result.stderr
    assert "hint: name a writable folder with room in TMPDIR" in result.stderr


def test_keys_that_cannot_be_recorded_say_where_they_could(tmp_path: Path) -> None:
    from provision.cli.trust import _record
    from provision.core.errors import ProvisionError
    from provision.transport.trust import ScannedKey

    (tmp_path / "file").touch()
    place = tmp_path / "file" / "known_hosts"
    key = ScannedKey("gpu-01", "192.0.2.1", 22, "ssh-ed25519", "SHA256:x", "new", None, "192.0.2.1", "AAAA", place)
    with pytest.raises(ProvisionError, match="the keys cannot be recorded in") as caught:
        _record([key])
    assert caught.value.hint == "name another file in `ssh.known_hosts`"
