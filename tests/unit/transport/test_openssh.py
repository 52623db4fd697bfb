"""What OpenSSH's client is told of a target: asked of OpenSSH itself, which prints what it understood."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provision.transport.openssh import client
from provision.transport.target import Target

pytestmark = pytest.mark.needs("ssh")

TARGET = Target(
    name="gpu-02",
    address="10.0.0.2",
    port=2222,
    user="ops",
    keys=(Path("/home/ann/my keys/%d"),),
    explicit=True,
    known_hosts=(Path("/home/ann/known %h"), Path("/etc/other")),
    timeout=7.0,
    global_known_hosts=(),
)
JUMP = replace(
    TARGET, name="gate", address="192.0.2.1", port=22, user="gate", keys=(Path("/k"),), known_hosts=(Path("/kh"),)
)


def understood(target: Target) -> dict[str, str]:
    words = client(target)
    done = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True, check=True)
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def test_where_as_whom_with_which_key_and_which_host_keys() -> None:
    said = understood(TARGET)
    assert (said["hostname"], said["port"], said["user"]) == ("10.0.0.2", "2222", "ops")
    assert said["stricthostkeychecking"] == "true" and said["identitiesonly"] == "yes"
    assert said["userknownhostsfile"] == "/home/ann/known %h /etc/other"
    assert said["identityfile"].replace("%%", "%") == "/home/ann/my keys/%d"
    assert said["globalknownhostsfile"] == "none" and said["connecttimeout"] == "7"


def test_a_pinned_key_is_all_that_is_known() -> None:
    said = understood(replace(TARGET, pin="ssh-ed25519 AAAAC3Nz ann's 100%"))
    assert said["userknownhostsfile"] == said["globalknownhostsfile"] == "none"
    assert said["knownhostscommand"] == "/bin/echo '[10.0.0.2]:2222' ssh-ed25519 AAAAC3Nz"


def test_the_way_over_jump_hosts_checks_each_of_them() -> None:
    said = understood(replace(TARGET, jump=replace(JUMP, jump=replace(JUMP, address="192.0.2.9"))))
    outer = said["proxycommand"]
    assert outer.count("StrictHostKeyChecking=yes") == 2 and "-F /dev/null" in outer
    assert "[10.0.0.2]:2222" in outer and "[192.0.2.1]:22" in outer and outer.endswith(" -- 192.0.2.1")


@pytest.mark.parametrize("agent", ["", "/run/agent"])
def test_another_agent_than_ours_is_not_asked(agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somebody/elses")
    assert understood(replace(TARGET, agent=agent)).get("identityagent") == (agent or "none")


def test_it_takes_the_same_way_and_the_same_kinds_of_host_keys() -> None:
    said = understood(replace(TARGET, family="inet6", source="fd00::5", host_keys=("ssh-ed25519",)))
    assert (said["addressfamily"], said["bindaddress"]) == ("inet6", "fd00::5")
    assert said["hostkeyalgorithms"] == "ssh-ed25519"


def test_the_command_that_knows_hosts_is_told_of_its_own_tokens() -> None:
    said = understood(replace(TARGET, known_command=("/opt/known hosts", "100%%", "%H")))
    assert said["knownhostscommand"] == "'/opt/known hosts' 100%% %H"
