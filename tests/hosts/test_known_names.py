"""Which lines of known_hosts are a host's own, as OpenSSH has it: by its name and port, else by its name."""

import subprocess
from pathlib import Path

import pytest
from loopback import Sshd, Sshds, hello, keygen

from provision.core.errors import HostKeyChanged, HostKeyUnknown, Unreachable
from provision.transport import scan
from provision.transport.hostkeys import KnownHost

pytestmark = pytest.mark.hosts


def public(key: Path) -> str:
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def certified(sshds: Sshds, authority: Path, *how: str) -> Sshd:
    key = keygen(sshds.folder / f"host_{len(sshds.running)}")
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "host", "-n", "127.0.1.1", "-h", *how, f"{key}.pub"]
    subprocess.run(command, check=True, capture_output=True)
    return sshds.start(f"HostCertificate {key}-cert.pub", host_key=key, address="127.0.1.1")


def test_a_name_without_a_port_is_good_for_each_port(sshds: Sshds) -> None:
    server = sshds.start()
    sshds.known_hosts.write_text(f"{server.address} {server.host_key}\n")
    assert hello(sshds.host(server)) == "hello\n"
    assert [key.status for key in scan([sshds.host(server)])] == ["known"]


def test_another_key_of_the_name_alone_is_that_of_another_port(sshds: Sshds) -> None:
    server = sshds.start()
    other = keygen(sshds.folder / "other")
    sshds.known_hosts.write_text(f"{server.address} {public(other)}\n")
    with pytest.raises(HostKeyUnknown):
        hello(sshds.host(server))
    with sshds.known_hosts.open("a") as file:
        file.write(f"[{server.address}]:{server.port} {public(other)}\n{server.address} {server.host_key}\n")
    with pytest.raises(HostKeyChanged):
        hello(sshds.host(server))


@pytest.mark.parametrize("names", ["127.0.1.1", "127.0.1.*", "*,![127.0.1.1]*"])
def test_an_authority_of_names_without_a_port_vouches_for_each_port(sshds: Sshds, names: str) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority)
    sshds.known_hosts.write_text(f"@cert-authority {names} {public(authority)}\n")
    assert hello(sshds.host(server)) == "hello\n"


def test_a_host_with_an_expired_certificate_is_known_by_its_key(sshds: Sshds) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority, "-V", "20200101:20210101")
    sshds.known_hosts.write_text(f"@cert-authority * {public(authority)}\n")
    with pytest.raises(HostKeyChanged, match="expired"):
        hello(sshds.host(server))
    sshds.trust(server)
    assert hello(sshds.host(server)) == "hello\n"


def test_a_known_key_that_a_revoked_authority_has_signed_is_refused(sshds: Sshds) -> None:
    authority = keygen(sshds.folder / "ca")
    server = certified(sshds, authority)
    sshds.trust(server)
    assert hello(sshds.host(server)) == "hello\n"
    with sshds.known_hosts.open("a") as file:
        file.write(f"@revoked * {public(authority)}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        hello(sshds.host(server))


def test_a_file_that_cannot_be_read_is_passed_over_and_named(sshds: Sshds) -> None:
    server = sshds.start()
    config = sshds.folder / "config"
    folder = sshds.folder / "a-folder"
    folder.mkdir()
    config.write_text(f"Host *\n  UserKnownHostsFile {folder} {sshds.known_hosts}\n")
    host = sshds.host(server, config=str(config), known_hosts=None)
    with pytest.raises(HostKeyUnknown, match=r"is not known, and `.*a-folder` cannot be read: is a directory"):
        hello(host)
    sshds.trust(server)
    assert hello(host) == "hello\n"


def test_a_command_may_know_a_host(sshds: Sshds) -> None:
    server = sshds.start()
    config, program, heard = (sshds.folder / name for name in ("config", "known", "heard"))
    line = f"[{server.address}]:{server.port} {server.host_key}"
    program.write_text(f'#!/bin/sh\necho "$@" >> {heard}\necho "{line}"\n')
    program.chmod(0o755)
    config.write_text(f"KnownHostsCommand {program} %n 50%% %H %I %t %K\n")
    host = sshds.host(server, config=str(config))
    assert hello(host) == "hello\n"
    name = f"[{server.address}]:{server.port}"
    assert heard.read_text().splitlines() == [
        f"{server.address} 50% {name} ORDER NONE NONE",
        f"{server.address} 50% {name} HOSTNAME {server.host_key}",
    ]
    assert [key.status for key in scan([host])] == ["known"]
    program.write_text(f'#!/bin/sh\necho "{name} {public(keygen(sshds.folder / "other"))}"\n')
    with pytest.raises(HostKeyChanged) as caught:
        hello(host)
    assert "KnownHostsCommand" in caught.value.hint and "ssh-keygen" not in caught.value.hint
    sshds.trust(server)
    program.write_text("#!/bin/sh\necho the directory is away >&2; exit 3\n")
    with pytest.raises(Unreachable, match="KnownHostsCommand of ssh_config ended with exit code 3") as failed:
        hello(host)
    assert list(failed.value.evidence) == ["the directory is away"]


def test_hashed_names_are_worked_out_once_for_each_name(sshds: Sshds, monkeypatch: pytest.MonkeyPatch) -> None:
    server = sshds.start()
    sshds.trust(server)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", sshds.known_hosts], check=True, capture_output=True)
    asked: list[str] = []
    matches = KnownHost.matches
    monkeypatch.setattr(KnownHost, "matches", lambda entry, name: asked.append(name) or matches(entry, name))
    assert hello(sshds.host(server)) == "hello\n"
    assert sorted(asked) == sorted(set(asked))
