"""sudo with a password and without, and every way it says no. The accounts are temporary."""

import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import processes_with, wait_until

from provision.core.errors import ScriptTimeout, SudoRefused
from provision.core.script import Script, Upload
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport import Transport

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("sudo"),
]

MakeHost = Callable[..., Host]
PASSWORD = "corr3ct horse'\"$x"
WHO = Script("id -u; echo $HOME; echo out >&2; exit 3")
FREE = "ALL=(ALL) NOPASSWD: ALL"
ASKS = "ALL=(ALL) ALL"


def test_without_a_password_it_costs_no_further_command(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(sudoers=FREE), sudo=True)
    with Transport([host]) as transport:
        session = transport.connect(host)
        (fragment,) = session.run([WHO])
    assert (fragment.rc, fragment.stdout, fragment.stderr) == (3, "0\n/root\n", "out\n")
    assert session.commands == 1


def test_with_a_password_it_is_asked_once_per_batch_and_remembered(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(password=PASSWORD, sudoers=ASKS), sudo=True)
    with Transport([host], sudo_password=Secret(PASSWORD)) as transport:
        session = transport.connect(host)
        assert session.run([WHO])[0].stdout == "0\n/root\n"
        assert session.commands == 2
        assert session.run([WHO])[0].stdout == "0\n/root\n"
        assert session.commands == 3


def test_a_password_that_sudo_does_not_want_reaches_no_script(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(sudoers=FREE), sudo=True)
    with Transport([host], sudo_password=Secret("unneeded-canary")) as transport:
        (fragment,) = transport.connect(host).run(
            [Script("cat; set; cat /proc/[0-9]*/cmdline | grep -a -c 'canar[y]'", optional=True)]
        )
    assert "canary" not in fragment.stdout
    assert fragment.stdout.endswith("\n0\n")


def test_the_password_is_in_no_command_line_and_no_environment(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(password="canary-in-sudo", sudoers=ASKS), sudo=True)
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -a -c 'canary-in-sud[o]'"
    with Transport([host], sudo_password=Secret("canary-in-sudo")) as transport:
        (fragment,) = transport.connect(host).run([Script(f"set; {look}", optional=True)])
    assert "canary-in-sudo" not in fragment.stdout
    assert fragment.stdout.endswith("\n0\n")


def test_a_missing_password_a_wrong_one_and_a_missing_rule_are_told_apart(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(password=PASSWORD, sudoers=ASKS), sudo=True)
    with Transport([host]) as transport, pytest.raises(SudoRefused, match="wants a password") as caught:
        transport.connect(host).run([WHO])
    assert "sudo_password" in caught.value.hint
    with (
        Transport([host], sudo_password=Secret("wr0ng")) as transport,
        pytest.raises(SudoRefused, match="does not accept"),
    ):
        transport.connect(host).run([WHO])
    stranger = make_host(user=user.make(password=PASSWORD), sudo=True)
    with Transport([stranger], sudo_password=Secret(PASSWORD)) as transport, pytest.raises(SudoRefused) as caught:
        transport.connect(stranger).run([WHO])
    assert "not in the sudoers file" in "".join(caught.value.evidence)


def test_a_host_without_sudo_says_so(user, make_host: MakeHost) -> None:
    host = make_host("SetEnv PATH=/proc/nonexistent", user=user.make("/bin/sh", sudoers=FREE), sudo=True)
    with Transport([host]) as transport, pytest.raises(SudoRefused, match="not installed"):
        transport.connect(host).run([WHO])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


#: What a sudo is to us: it refuses with -n, asks with -S behind the prompt of -p, and then runs the rest as it is.
OTHER_SUDO = """#!/bin/sh
# A stand-in for other programs called sudo, with their words.
while :; do
    case $1 in -n) never=1;; -H|-S) ;; -p) prompt=$2; shift;; *) break;; esac
    shift
done
[ -z "$never" ] || { echo "NEVER" >&2; exit 1; }
printf "PROMPT" "$prompt" >&2
read -r given
[ "$given" = "PASSWORD" ] && exec "$@"
echo "WRONG" >&2
printf "PROMPT" "$prompt" >&2
read -r given
exit 1
"""


@pytest.mark.parametrize(
    ("never", "prompt", "wrong"),
    [
        # What sudo-rs 0.2.5 of Debian 13 says.
        (
            "sudo-rs: interactive authentication is required",
            "[sudo: %s] Password: ",
            "sudo: Authentication failed, try again.",
        ),
        ("sudo: Ein Passwort ist notwendig", "%s", "Das hat nicht funktioniert, bitte nochmal probieren."),
        ("sudo: 何か", "%s", "残念"),
    ],
    ids=["sudo-rs", "German", "unknown"],
)
def test_any_sudo_in_any_language_gets_the_password(
    user, sshds, open_folder: Path, never: str, prompt: str, wrong: str
) -> None:
    program = open_folder / "sudo"
    text = OTHER_SUDO.replace("NEVER", never).replace("PROMPT", prompt).replace("WRONG", wrong)
    program.write_text(text.replace("PASSWORD", "secretly"))
    program.chmod(0o755)
    server = sshds.start(f"SetEnv PATH={open_folder}:/usr/local/bin:/usr/bin:/bin")
    sshds.trust(server)
    host = sshds.host(server, user=user.make(), sudo=True)
    with Transport([host], sudo_password=Secret("secretly")) as transport:
        (fragment,) = transport.connect(host).run([Script("echo through ${LC_ALL-as-it-was}")])
    assert fragment.stdout == "through as-it-was\n"
    with Transport([host], sudo_password=Secret("other")) as transport, pytest.raises(SudoRefused, match="not accept"):
        transport.connect(host).run([WHO])
    with Transport([host]) as transport, pytest.raises(SudoRefused) as caught:
        transport.connect(host).run([WHO])
    assert never in caught.value.evidence
    assert "sudo_password" in caught.value.hint


def test_sudo_is_asked_to_speak_english_and_the_script_is_not(user, sshds) -> None:
    server = sshds.start("SetEnv LANGUAGE=de LANG=C.UTF-8")
    sshds.trust(server)
    host = sshds.host(server, user=user.make(password=PASSWORD, sudoers=ASKS), sudo=True)
    with Transport([host]) as transport, pytest.raises(SudoRefused, match="wants a password"):
        transport.connect(host).run([WHO])
    with Transport([host], sudo_password=Secret(PASSWORD)) as transport:
        (fragment,) = transport.connect(host).run([Script('echo "${LC_ALL-unset} ${LANGUAGE-unset}"')])
    assert fragment.stdout == "unset unset\n"


@pytest.mark.parametrize("password", ["", PASSWORD], ids=["free", "asks"])
def test_the_leash_holds_below_sudo(user, make_host: MakeHost, password: str) -> None:
    tag = f"sudotag{threading.get_native_id()}{bool(password)}"
    rule = ASKS if password else FREE
    host = make_host(user=user.make(password=password, sudoers=rule), sudo=True)
    tree = "sh -c \"trap '' TERM; while :; do sleep 1; done; : $tag\""
    secret = Secret(password) if password else None
    with Transport([host], sudo_password=secret) as transport, pytest.raises(ScriptTimeout) as caught:
        transport.connect(host).run([Script(tree, {"tag": tag}, timeout=2)])
    assert "did not confirm" not in caught.value.message
    assert wait_until(lambda: not processes_with(tag), 5)


@pytest.mark.parametrize("password", ["", PASSWORD], ids=["free", "asks"])
def test_files_are_sent_as_root(user, make_host: MakeHost, password: str, tmp_path: Path) -> None:
    name = user.make(password=password, sudoers=ASKS if password else FREE)
    host = make_host(user=name, sudo=True)
    source = tmp_path / "file"
    source.write_bytes(bytes(range(256)) * 1000)
    into = tmp_path / "below" / "here"
    with Transport([host], sudo_password=Secret(password) if password else None) as transport:
        session = transport.connect(host)
        session.send([Upload(source, str(into))])
    assert (into / "file").read_bytes() == source.read_bytes()
    assert (into / "file").stat().st_uid == 0
    assert subprocess.run(["pgrep", "-u", name, "tar"], capture_output=True).returncode == 1
