"""What a machine lacks is installed by its own package manager, after saying so, or named."""

from pathlib import Path

import pytest

from provision.lab import LabError
from provision.lab.requirements import ensure


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has nothing but what is put into the folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, text: str = "exit 0") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_nothing_is_said_where_nothing_is_missing(machine):
    put(machine, "cc")
    said: list[str] = []
    ensure(["cc"], said.append)
    assert said == []


def test_root_installs_what_is_missing_after_saying_so(machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    put(
        machine, "apt-get", f'echo "$*" >> {machine}/calls; echo "#!/bin/sh" > {machine}/cc; /bin/chmod +x {machine}/cc'
    )
    said: list[str] = []
    ensure(["cc"], said.append)
    assert said == ["this machine lacks `cc`: installing gcc, libc6-dev with apt-get"]
    assert (machine / "calls").read_text().endswith(" install --yes --no-install-recommends gcc libc6-dev\n")


def test_old_package_lists_are_renewed_and_the_installation_tried_again(machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    script = f'shift 4; echo "$1" >> {machine}/calls; [ "$1" = update ] && exec /bin/touch {machine}/new; '
    script += f"[ -e {machine}/new ] || exit 100; /bin/cp {machine}/apt-get {machine}/cc"
    put(machine, "apt-get", script)
    ensure(["cc"], lambda _: None)
    assert (machine / "calls").read_text().split() == ["install", "update", "install"]


def test_no_service_of_a_package_is_started_now_or_at_boot(machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for name in ("deb-systemd-invoke", "deb-systemd-helper", "invoke-rc.d"):
        put(machine, name, f'echo "{name} $*" >> {machine}/calls')
    postinst = "deb-systemd-helper unmask ssh.service; deb-systemd-helper enable ssh.service; "
    postinst += "deb-systemd-invoke start ssh.service; invoke-rc.d --skip-systemd-native ssh start; "
    # As of a package that was removed once, and of one whose service runs.
    postinst += "deb-systemd-invoke restart ssh.service; invoke-rc.d ssh restart; "
    postinst += "deb-systemd-invoke restart other.service"
    put(machine, "systemctl", '[ "$*" = "is-active --quiet other.service" ]')
    put(machine, "apt-get", f"PATH=${{4#*=}}; PATH=${{PATH%%:*}}:{machine}; {postinst}; >{machine}/cc")
    with pytest.raises(LabError, match="brought no `cc`"):
        ensure(["cc"], lambda _: None)
    said = (machine / "calls").read_text().splitlines()
    assert said == ["deb-systemd-helper unmask ssh.service", "deb-systemd-invoke restart other.service"]


def test_an_ordinary_user_is_told_the_command(machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    put(machine, "apt-get")
    with pytest.raises(LabError, match="this machine lacks `cc`, `ssh-keygen`") as caught:
        ensure(["cc", "ssh-keygen"], lambda _: None)
    assert caught.value.hint == "sudo apt-get install gcc libc6-dev openssh-client"


@pytest.mark.parametrize(
    ("manager", "hint"), [("dnf", "dnf install gcc"), ("zypper", "zypper install gcc"), ("pacman", "pacman -S gcc")]
)
def test_other_package_managers_are_named_and_left_to_the_user(machine, monkeypatch, manager, hint):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    put(machine, manager)
    with pytest.raises(LabError) as caught:
        ensure(["cc"], lambda _: None)
    assert caught.value.hint == hint


def test_an_installation_that_brings_nothing_is_an_error(machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    put(machine, "apt-get")
    with pytest.raises(LabError, match="brought no `cc`"):
        ensure(["cc"], lambda _: None)
