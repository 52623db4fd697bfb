"""Configurations of unusual kinds, against what `ssh -G` makes of them: with OpenSSH's client; where $HOME is not the
one that passwd names, and the configuration comes in another way; and without a client, where some are refused."""

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.errors import Unreachable
from provision.core.reading import NotAFile
from provision.inventory.models import Host
from provision.transport import ssh_config
from provision.transport.ssh_config import ConfigProblem, SshConfig
from provision.transport.target import Target, resolve

pytestmark = pytest.mark.needs("ssh")

#: What it is about: (the name that is looked up, lines; HOME is a folder of the test's own).
CASES = {
    "match exec, true": ("m1", 'Match host m1 exec "test 1 = 1"\n  HostName 192.0.2.1\n  User matched\n'),
    "match exec, false": ("m1", 'Match host m1 exec "false"\n  HostName 192.0.2.1\nHost *\n  User other\n'),
    "match exec with tokens": ("m2", 'Match exec "test %h = m2 -a %n = m2"\n  Port 2022\n'),
    "match originalhost": ("m3", "Host m3\n  HostName 192.0.2.3\nMatch originalhost m3 user nobody\n  Port 23\n"),
    "match final": ("m4", "Host m4\n  HostName real.example\nMatch final host real.example\n  Port 24\n"),
    "match, negated": ("m6", "Match host *,!m6\n  Port 26\nHost m6\n  User six\n"),
    "include": ("inc1", "Include HOME/.ssh/conf.d/*.conf\n"),
    "include of a name with a blank": ("inc2", "Include HOME/.ssh/conf.d/*\n"),
    "include within a host": ("inc1", "Host inc1\n  Include HOME/.ssh/conf.d/a.conf\nHost *\n  Port 9\n"),
    "equals signs": ("e1", "Host=e1\n  HostName = 192.0.2.31\n  Port=2031\n  User= eq\n"),
    "quotes": ("q1", 'Host "q1" q2\n  HostName "192.0.2.32"\n  IdentityFile "HOME/.ssh/key two"\n  User "quoted"\n'),
    "a negated pattern": ("n1", "Host n* !n1\n  User no\nHost n1\n  User yes\n"),
    "question marks": ("n12", "Host n??\n  Port 2222\n"),
    "canonical names": (
        "c1",
        "CanonicalizeHostname yes\nCanonicalDomains a.invalid\nHost c1\n  User c\nHost c1.a.invalid\n  Port 7\n",
    ),
    "tokens": ("t1", "Host t1\n  HostName %h.example.org\n  User u\n  IdentityFile HOME/.ssh/%r_%n_%p\n  Port 2100\n"),
    "a variable": ("t2", "Host t2\n  IdentityFile ${HOME}/.ssh/id_x\n"),
    "a comment behind a value": ("k1", "Host k1\n  Port 2244 # here\n  User k\n"),
    "capitals and tabs": ("k2", "hOST\tk2\n\thostname\t192.0.2.60\n\tPORT\t2260\n"),
    "the first counts": ("k3", "Host k3\n  User first\nHost k*\n  User second\n  IdentityFile HOME/.ssh/id_x\n"),
    "several keys": ("k4", 'Host k4\n  IdentityFile HOME/.ssh/id_x\nHost *\n  IdentityFile "HOME/.ssh/key two"\n'),
    "no key": ("k5", "Host k5\n  IdentityFile none\n"),
    "a user with an at sign": ("k7", "Host k7\n  User me@corp.example\n"),
    "an alias of the key": ("k8", "Host k8\n  HostName 192.0.2.8\n  HostKeyAlias rack-8\n"),
    "a command before a jump": ("p1", "Host p1\n  ProxyCommand nc -X 5 %h %p\n  ProxyJump b\n"),
    "no jump": ("j4", "Host j4\n  ProxyJump none\nHost *\n  ProxyJump b\n"),
}

#: (name, lines): the hops, the last one first.
JUMPS = {
    "a chain": (
        "j1",
        "Host j1\n  ProxyJump a@b1:2201,u@[fd00::5]:2202,c@b3\n"
        "Host b1\n  HostName 192.0.2.41\nHost b3\n  HostName 192.0.2.43\n  Port 2203\n",
        ["c@192.0.2.43:2203", "u@fd00::5:2202", "a@192.0.2.41:2201"],
    ),
    "a jump of a jump": (
        "j3",
        "Host j3\n  ProxyJump mid\nHost mid\n  HostName 192.0.2.50\n  User m\n  ProxyJump far\nHost far\n  User f\n",
        ["m@192.0.2.50:22", "f@far:22"],
    ),
    "a user with an at sign": ("j7", "Host j7\n  ProxyJump me@corp.example@gate:2022\n", ["me@corp.example@gate:2022"]),
    "a token": ("j6", "Host j6\n  ProxyJump x@jump-%r:2022\n  User r\n", ["x@jump-r:2022"]),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh" / "conf.d").mkdir(parents=True)
    (tmp_path / ".ssh/conf.d/a.conf").write_text("Host inc1\n  HostName 192.0.2.11\n  User inca\n  Port 2211\n")
    (tmp_path / ".ssh/conf.d/b c.conf").write_text("Host inc2\n  HostName 192.0.2.12\n")
    return tmp_path


def configured(home: Path, text: str) -> Path:
    config = home / ".ssh" / "config"
    config.write_text(text.replace("HOME/", f"{home}/"))
    return config


def told(config: Path, alias: str) -> dict[str, list[str]]:
    """By OpenSSH's client."""
    done = subprocess.run(["ssh", "-G", "-F", config, alias], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def resolved(alias: str, path: Path | None) -> Target:
    ssh = {"config": str(path)} if path is not None else {}
    host = Host.model_validate({"name": "h", "address": alias, "ssh": ssh})
    return resolve(host, SshConfig(str(path) if path else None).lookup)


def way(target: Target) -> tuple[str, str, str, str]:
    return target.address, str(target.port), target.user, target.alias


@pytest.mark.parametrize("how", ["its file", "another home", "no client"])
@pytest.mark.parametrize(("alias", "text"), CASES.values(), ids=CASES)
def test_a_host_is_reached_as_by_openssh(
    home: Path, monkeypatch: pytest.MonkeyPatch, alias: str, text: str, how: str
) -> None:
    if how == "another home":
        monkeypatch.setenv("HOME", str(home))
    config = configured(home, text)
    said = told(config, alias)
    if how == "no client":
        monkeypatch.setattr(ssh_config.shutil, "which", lambda *_: None)
    try:
        target = resolved(alias, None if how == "another home" else config)
    except (ConfigProblem, Unreachable) as refused:
        assert how == "no client" and "client" in f"{refused} {getattr(refused, 'hint', '')}"
        return
    expected = [said.get(key, [""])[0] for key in ("hostname", "port", "user", "hostkeyalias")]
    assert list(way(target)) == expected
    assert target.proxy_command.startswith("nc -X 5 p1") == ("proxycommand" in said)
    if "dentityFile" in text:
        keys = [k.replace("${HOME}", str(Path.home())) for k in said["identityfile"] if k != "none"]
        filled = [key.replace("%r", "u").replace("%n", "t1").replace("%p", "2100") for key in keys]
        assert [str(key) for key in target.keys] == filled


@pytest.mark.parametrize("how", ["its file", "no client"])
@pytest.mark.parametrize(("alias", "text", "hops"), JUMPS.values(), ids=JUMPS)
def test_hops_are_those_of_openssh(
    home: Path, monkeypatch: pytest.MonkeyPatch, alias: str, text: str, hops: list[str], how: str
) -> None:
    if how == "no client":
        monkeypatch.setattr(ssh_config.shutil, "which", lambda *_: None)
    found, target = [], resolved(alias, configured(home, text)).jump
    while target is not None:
        found.append(f"{target.user}@{target.address}:{target.port}")
        target = target.jump
    assert found == hops


@pytest.mark.parametrize("line", ["ProxyJump u@fd00::9", "Port banana", "Port 70000"])
@pytest.mark.parametrize("client", [True, False])
def test_what_openssh_does_not_take_is_an_error_of_that_host(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str, client: bool
) -> None:
    if not client:
        monkeypatch.setattr(ssh_config.shutil, "which", lambda *_: None)
    with pytest.raises((ConfigProblem, Unreachable)):
        resolved("x", configured(home, f"Host x\n  {line}\n"))


MACHINES = "# systemd's\nHost unix/* vsock/* machine/*\n  ProxyCommand /usr/lib/systemd/systemd-ssh-proxy %h %p\n"


@pytest.mark.parametrize(
    ("included", "read"),
    [
        (MACHINES, True),
        (f"{MACHINES}\nHost .host\n  ProxyCommand other\n", True),
        ("Host gpu-* !gpu-01\n  Port 9\n", True),
        ("SendEnv LANG\n", True),
        ("Host gpu-*\n  Port 9\n", False),
        ("Host *\n  Port 9\n", False),
        ("Port 9\n", False),
        (f"{MACHINES}\nMatch all\n  Port 9\n", False),
        ("Include *.conf\n", False),
    ],
)
def test_without_a_client_an_include_is_passed_over_only_where_it_means_other_hosts(
    included: str, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some.conf").write_text(included)
    file = tmp_path / "config"
    file.write_text(f"Include {tmp_path}/some.conf\nHost gpu-01\n  Port 2222\n")
    monkeypatch.setattr(ssh_config.shutil, "which", lambda *_: None)
    asked = SshConfig(str(file))
    if read:
        assert asked.lookup("gpu-01", "", 0).one("port") == "2222"
    else:
        with pytest.raises(ConfigProblem, match=r"line 1 of .*: `Include`"):
            asked.lookup("gpu-01", "", 0)


def test_a_configuration_that_is_no_file_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    config = home / ".ssh" / "config"
    config.parent.mkdir(exist_ok=True)
    config.unlink(missing_ok=True)
    os.mkfifo(config)
    for path in (str(config), None):
        with pytest.raises(NotAFile, match="a named pipe, expected a file"):
            SshConfig(path)
    assert SshConfig("/dev/null").lookup("a", "", 22).values == {}


@pytest.mark.parametrize("how", ["its file", "no client"])
def test_the_connection_itself_is_made_as_ssh_config_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "no client":
        monkeypatch.setattr(ssh_config.shutil, "which", lambda *_: None)
    text = "Host way\n  AddressFamily inet\n  BindAddress 192.0.2.9\n  HostKeyAlgorithms ssh-ed25519\n"
    config = configured(home, f"{text}  RemoteCommand tmux new -A\n  RequestTTY yes\nHost other\n  Port 2222\n")
    target, other = resolved("way", config), resolved("other", config)
    assert (target.family, target.source, target.host_keys) == ("inet", "192.0.2.9", ("ssh-ed25519",))
    assert target.ignored == ("RemoteCommand",)
    assert (other.family, other.source, other.host_keys, other.ignored) == ("", "", (), ())
