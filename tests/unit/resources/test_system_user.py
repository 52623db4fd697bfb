"""Whom services run as: an account of somebody's that has that name already is none of ours to take."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from provision.core.script import Fragment, assignments
from provision.core.secret import Secret
from provision.resources.system_user import SystemUser

#: In the place of the host's own: what they say of the user `provision`.
PROGRAMS = """
getent() { [ -n "$ENTRY" ] && echo "provision:x:999:999::/nonexistent:$ENTRY"; }
id() { case $1 in -Gn) echo "$GROUPS_OF" ;; -g) echo 65534 ;; -u) echo "${NUMBER:-999}" ;; *) command id "$@" ;; esac; }
sudo() { echo "$SUDO"; }
timeout() { shift; "$@"; }
setpriv() { return 0; }
"""
MAY = "User provision may run the following commands on gpu-01:\n    (ALL) ALL"
MAY_NOT = "User provision is not allowed to run sudo on gpu-01."
OURS = "/usr/sbin/nologin"


def probe(user: SystemUser, programs: str = "", **said: str) -> dict[str, str] | None:
    script = user.probe()
    text = assignments(script.vars, Secret.reveal) + programs + script.body
    environment = {"PATH": os.defpath, **said}
    done = subprocess.run(["sh"], input=text, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    state = user.read(Fragment(0, done.stdout, ""))
    return dict(state) if state is not None else None


def user(*, chosen: bool = False, reach: str = "") -> SystemUser:
    return SystemUser("provision", "llama@gpu-01", chosen=chosen, reach=reach)


@pytest.mark.parametrize(
    ("shell", "groups", "sudo", "said"),
    [
        ("", "", MAY_NOT, None),
        (OURS, "provision", MAY_NOT, None),
        ("/bin/false", "provision video render", MAY_NOT, None),
        (OURS, "provision sudo", MAY_NOT, "is in the group sudo"),
        (OURS, "provision docker video wheel", MAY_NOT, "is in the groups docker, wheel"),
        (OURS, "provision", MAY, "may use sudo"),
        ("/bin/bash", "provision lxd", MAY, "is in the group lxd and may use sudo"),
        ("/bin/bash", "provision", MAY_NOT, "is somebody's account: its shell is /bin/bash"),
    ],
)
def test_one_who_could_become_root_or_log_in_is_not_taken_for_the_services(
    shell: str, groups: str, sudo: str, said: str | None
) -> None:
    have = probe(user(), PROGRAMS, ENTRY=shell, GROUPS_OF=groups, SUDO=sudo)
    found = user().blockers(have)
    assert [one.message.partition("run as, ")[2] for one in found] == ([said] if said else [])
    for one in found:
        assert one.blocks and one.host == "gpu-01"
        assert "set `run_as` to a name that is free on gpu-01" in one.hint
    # Nothing of it makes the cluster have a user, or not.
    assert user().diff(have, None) == ()
    assert [str(difference) for difference in user().diff(have, user().want())] == ["absent → present"]


def test_one_whom_the_inventory_names_is_its_matter_and_is_shown() -> None:
    have = probe(user(), PROGRAMS, ENTRY="/bin/bash", GROUPS_OF="ops docker", SUDO=MAY_NOT)
    chosen = user(chosen=True)
    assert chosen.blockers(have) == ()
    assert [cell.value for cell in chosen.known(have)] == ["is in the group docker"]
    assert chosen.known(None) == ()


@pytest.mark.parametrize("chosen", [False, True])
def test_root_by_any_name_is_none(chosen: bool) -> None:
    have = probe(user(), PROGRAMS, ENTRY="/bin/bash", GROUPS_OF="provision", SUDO=MAY_NOT, NUMBER="0")
    (found,) = user(chosen=chosen).blockers(have)
    assert found.message == "provision is root, and services are to run as an ordinary user"


@pytest.mark.needs("root")
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o711])
def test_a_root_that_the_user_cannot_go_to_is_found(mode: int) -> None:
    with tempfile.TemporaryDirectory(prefix="provision-test-") as place:
        Path(place).chmod(0o755)
        (above := Path(place, "above")).mkdir()
        above.chmod(mode)
        made = SystemUser("nobody", "llama@gpu-01", reach=str(above / "provision" / "not-yet"))
        (above / "provision").mkdir(mode=0o755)
        found = made.blockers(probe(made))
        assert len(found) == (mode in (0o700, 0o750))
        for one in found:
            holder = f"({above.owner()}, mode {mode:o})"
            assert one.message == f"services cannot go to {made.reach} as nobody: {above} {holder} is closed to others"
            assert f"run `sudo chmod o+x {above}` on gpu-01" in one.hint
