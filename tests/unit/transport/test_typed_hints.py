"""What a hint tells people to type holds values of inventories, hosts and logs as words, and runs nothing of them."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.errors import HostKeyChanged, NameNotFound
from provision.core.wording import typed
from provision.diagnosis.signature import Signature
from provision.transport.connect import probe
from provision.transport.hostkey import HostKey
from provision.transport.hostkeys import KnownHosts, judge
from provision.transport.key_file import AuthProblem, KeyRing
from provision.transport.target import Target
from provision.transport.tcp import dial

NASTY = ("$(touch /tmp/x)", "a;reboot", "a b", "it's", "`id`", "a\nb", "|sh", "-oProxyCommand=x y")


def target(**values: object) -> Target:
    base = Target("gpu-01", "10.0.0.1", 22, "ubuntu", (), False, (), 1.0)
    return replace(base, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", NASTY)
def test_the_command_to_try_by_hand(value: str) -> None:
    jump = target(address=value)
    words = shlex.split(target(address=value, keys=(Path(f"/k/{value}"),), explicit=True, jump=jump, port=2222).ssh)
    assert words == ["ssh", "-p", "2222", "-i", f"/k/{value}", "-J", f"ubuntu@{value}:22", f"ubuntu@{value}"]


def test_an_ipv6_jump_host_is_in_brackets() -> None:
    assert target(jump=target(address="fd00::1")).ssh == "ssh -J 'ubuntu@[fd00::1]:22' ubuntu@10.0.0.1"


@pytest.mark.parametrize("value", NASTY)
def test_a_command_for_another_host_is_one_word_here_and_words_there(value: str) -> None:
    (there,) = shlex.split(probe(value, 22))
    assert shlex.split(there) == ["nc", "-vz", value, "22"]


@pytest.mark.parametrize("value", [value for value in NASTY if "\n" not in value and " " not in value])
def test_a_changed_host_key(value: str, tmp_path: Path) -> None:
    file = tmp_path / "known; hosts"
    file.write_text(f"{value} ssh-ed25519 AAAA\n")
    known = KnownHosts((file,))
    with pytest.raises(HostKeyChanged) as caught:
        judge(target(address=value.lower()), known, HostKey("ssh-ed25519", "BBBB"))
    command = caught.value.hint.partition(": ")[2].partition(", then")[0]
    assert shlex.split(command) == ["ssh-keygen", "-R", value.lower(), "-f", str(file)]


@pytest.mark.parametrize("value", NASTY)
def test_a_key_file(value: str, tmp_path: Path) -> None:
    file = tmp_path / value.replace("/", "_")
    file.write_text("no key")
    with pytest.raises(AuthProblem) as caught:
        KeyRing().load(file)
    assert shlex.split(caught.value.hint)[-1] == str(file)


@pytest.mark.parametrize("value", NASTY)
def test_a_key_file_of_putty(value: str, tmp_path: Path) -> None:
    file = tmp_path / value.replace("/", "_")
    file.write_text("PuTTY-User-Key-File-3: ssh-ed25519\n")
    file.chmod(0o600)
    with pytest.raises(AuthProblem) as caught:
        KeyRing().load(file)
    assert "is a key of PuTTY's" in str(caught.value)
    assert shlex.split(caught.value.hint) == ["puttygen", str(file), "-O", "private-openssh", "-o", f"{file}.openssh"]


@pytest.mark.parametrize("value", ["$(reboot)", "a;reboot"])
def test_a_name_that_does_not_resolve(value: str) -> None:
    with pytest.raises(NameNotFound) as caught:
        dial("gpu-01", f"{value}.invalid", 22, 1.0)
    assert shlex.split(caught.value.hint) == ["getent", "hosts", f"{value}.invalid"]


@pytest.mark.parametrize("value", NASTY)
def test_templates_quote_what_is_typed_and_nothing_else(value: str) -> None:
    hint = typed("run `ip link set {name} up` on {host}, or `{n}`", {"name": value, "host": value, "n": 3})
    assert hint.startswith("run `ip link set " + shlex.quote(value) + " up` on " + value)
    assert hint.endswith("`3`")


@pytest.mark.parametrize("value", NASTY)
def test_a_fix_quotes_what_a_log_said(value: str) -> None:
    signature = Signature("x", re.compile(""), "{path} is full", "on {host}: `du {path}`", "", ())
    cause, fix = signature.told({"path": value}, "gpu-01")
    assert cause == f"{value} is full"
    assert fix == f"on gpu-01: `du {shlex.quote(value)}`"
