"""sudo-rs in place of sudo, itself and no stand-in, in a lab host: with a password and without, and how it says no."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sudo_rs import fetch

import provision
from provision.core.errors import SudoRefused
from provision.core.script import Script, Upload
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.lab.lab import Lab
from provision.transport import Transport

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PASSWORD = "corr3ct horse'\"$x"
WHO = Script("id -u; echo $HOME; echo out >&2; exit 3")

#: One who logs in with the key of `ops`; with a rule, or none.
ACCOUNT = """
set -e
useradd -m -s /bin/sh "$name"
printf '%s:%s\\n' "$name" "$password" | chpasswd
install -d -o "$name" -m 700 "/home/$name/.ssh"
install -o "$name" -m 600 /home/ops/.ssh/authorized_keys "/home/$name/.ssh/authorized_keys"
[ -z "$rule" ] || printf '%s %s\\n' "$name" "$rule" > "/etc/sudoers.d/$name"
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    program, why = fetch(tmp_path_factory.mktemp("apt"))
    if program is None:
        pytest.skip(f"sudo-rs cannot be had: {why}")
    lab = Lab(name=f"test-sudo-rs-{os.getpid()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISION_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        try:
            lab.up(1, 0, settings={"sudo": True})
            (host,) = provision.load(lab.inventory).hosts
            with Transport([host]) as transport:
                there = "install -m 4755 -o root /root/rs/sudo /usr/local/bin/sudo && sudo --version 2>&1"
                session = transport.connect(host)
                session.send([Upload(program, "/root/rs")])
                (fragment,) = session.run([Script(there)])
            assert fragment.stdout.startswith("sudo-rs "), fragment
            yield lab
        finally:
            lab.down()


@pytest.fixture
def account(lab: Lab) -> Callable[..., Host]:
    (host,) = provision.load(lab.inventory).hosts

    def make(name: str, rule: str = "") -> Host:
        said = f"name={name} password={shlex.quote(PASSWORD)} rule={shlex.quote(rule)}"
        done = lab.host("lab-1").exec(["sh", "-c", f"{said}\n{ACCOUNT}"])
        assert done.returncode == 0, done.stderr
        return host.model_copy(update={"ssh": host.ssh.model_copy(update={"user": name})})

    return make


def test_without_a_password(account: Callable[..., Host]) -> None:
    host = account("free", "ALL=(ALL) NOPASSWD: ALL")
    for password in (None, Secret("unneeded-canary")):
        with Transport([host], sudo_password=password) as transport:
            session = transport.connect(host)
            (fragment,) = session.run([WHO])
        assert (fragment.rc, fragment.stdout, fragment.stderr) == (3, "0\n/root\n", "out\n")
        assert session.commands == 1


def test_with_a_password_and_how_it_says_no(account: Callable[..., Host]) -> None:
    host = account("asks", "ALL=(ALL) ALL")
    with Transport([host], sudo_password=Secret(PASSWORD)) as transport:
        session = transport.connect(host)
        assert [session.run([WHO])[0].stdout for _ in range(2)] == ["0\n/root\n"] * 2
    with Transport([host]) as transport, pytest.raises(SudoRefused, match="wants a password") as caught:
        transport.connect(host).run([WHO])
    assert "sudo_password" in caught.value.hint
    wrong = Secret("wr0ng")
    with Transport([host], sudo_password=wrong) as transport, pytest.raises(SudoRefused, match="does not accept"):
        transport.connect(host).run([WHO])


def test_one_without_a_rule_is_refused_with_what_it_said(account: Callable[..., Host]) -> None:
    host = account("stranger")
    with Transport([host], sudo_password=Secret(PASSWORD)) as transport, pytest.raises(SudoRefused) as caught:
        transport.connect(host).run([WHO])
    # In its words, so that it was this sudo which answered.
    assert "I'm sorry stranger. I'm afraid I can't do that" in "".join(caught.value.evidence)


def test_a_file_comes_through_it(account: Callable[..., Host], tmp_path: Path) -> None:
    host = account("sends", "ALL=(ALL) ALL")
    (tmp_path / "a").write_text("of root\n")
    with Transport([host], sudo_password=Secret(PASSWORD)) as transport:
        session = transport.connect(host)
        session.send([Upload(tmp_path / "a", "/opt/rs")])
        (fragment,) = session.run([Script("cat /opt/rs/a; stat -c %U /opt/rs/a")])
    assert fragment.stdout == "of root\nroot\n"
