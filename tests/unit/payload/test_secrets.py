"""How a host compares secrets: HMAC as everyone makes it, in any shell, and what the probe says of each of them."""

import hashlib
import hmac
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.core.script import assignments
from provision.core.secret import Secret
from provision.payload.bundle import shell
from provision.resources.service_secrets import secret_variables

LIBRARY = shell("service/library.sh", "service/secrets.sh")
SHELLS = [[name] for name in ("sh", "dash", "bash") if shutil.which(name)]
SHELLS += [pytest.param(["busybox", "sh"], marks=pytest.mark.needs("busybox"))]
STAMP = "--size=1\n$HOME=/home/me\npid=1\nstart=2\nunit=\nready=yes\n"


def run(text: str, words: list[str] = ["sh"]) -> str:  # noqa: B006 - never changed
    done = subprocess.run([*words], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
@pytest.mark.parametrize("value", ["", "x", 'it\'s $a "secret" `b` \\n %s', "two\nlines\n", "é – ü", "-n", "a" * 5000])
def test_a_digest_is_hmac_sha256_of_the_name_and_the_value(words: list[str], value: str) -> None:
    key = bytes(range(32))
    text = assignments({"key": key.hex(), "value": Secret(value)}, Secret.reveal) + LIBRARY
    expected = hmac.new(key, f"$NAME\n{value}".encode(), hashlib.sha256).hexdigest()
    assert run(f'{text}\nkeyed "$key" \'$NAME\' "$value"; echo "$digest"', words).strip() == expected


@settings(deadline=None, max_examples=25)
@given(st.binary(min_size=32, max_size=32))
def test_any_key_will_do(key: bytes) -> None:
    expected = hmac.new(key, b"a\nb", hashlib.sha256).hexdigest()
    assert run(f'{LIBRARY}\nkeyed {key.hex()} a b; echo "$digest"').strip() == expected


class Kept:
    """A service's folder, after a start with `secrets`, by aspect."""

    def __init__(self, folder: Path, **secrets: str) -> None:
        self.folder = folder
        (folder / "stamp").write_text(STAMP)
        self.run("keep_secrets", **secrets)

    def run(self, body: str, **secrets: str) -> str:
        given = {f"${name}": Secret(value) for name, value in secrets.items()}
        variables = {"dir": str(self.folder), "user": "", **secret_variables(given)}
        return run(f"{assignments(variables, Secret.reveal)}{LIBRARY}\n{body}")

    def says(self, **secrets: str) -> dict[str, str]:
        lines = (line.partition("=") for line in self.run("read_stamp; say_stamp", **secrets).splitlines())
        return {key: value for key, _, value in lines}


def test_what_is_said_of_a_secret_is_whether_it_is_the_one_that_was_given(tmp_path: Path) -> None:
    kept = Kept(tmp_path, KEY="one", HF="two")
    rest = {"--size": "1", "$HOME": "/home/me", "pid": "1", "start": "2", "unit": "", "ready": "yes"}
    assert kept.says(KEY="one", HF="two") == {**rest, "$KEY": "as given", "$HF": "as given"}
    assert kept.says(KEY="two", HF="two") == {**rest, "$KEY": "another", "$HF": "as given"}
    assert kept.says(KEY="one") == {**rest, "$KEY": "as given", "$HF": "present"}
    assert kept.says(KEY="one", HF="two", NEW="three") == kept.says(KEY="one", HF="two")
    assert kept.says() == {**rest, "$KEY": "present", "$HF": "present"}


def test_neither_a_digest_nor_the_key_is_ever_said_and_each_start_has_a_key_of_its_own(tmp_path: Path) -> None:
    kept = Kept(tmp_path, KEY="one")
    first = (tmp_path / "secrets").read_text()
    said = kept.run("read_stamp; say_stamp", KEY="one") + kept.run("read_stamp; say_stamp")
    for line in first.splitlines():
        assert len(line.partition("=")[2]) == 64
        assert line.partition("=")[2] not in said
    assert hashlib.sha256(b"one").hexdigest() not in first
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o600
    kept.run("keep_secrets", KEY="one")
    assert not {*first.splitlines()} & {*(tmp_path / "secrets").read_text().splitlines()}


def test_a_variable_that_became_a_secret_shows_no_value_of_before(tmp_path: Path) -> None:
    assert "$HOME" not in Kept(tmp_path).says(HOME="/home/me")


def old_stamp(folder: Path, **secrets: str) -> Kept:
    kept = Kept(folder)
    (folder / "secrets").unlink()
    digests = {name: hashlib.sha256(value.encode()).hexdigest()[:16] for name, value in secrets.items()}
    lines = "".join(f"${name}=sha256:{digest}\n" for name, digest in digests.items())
    (folder / "stamp").write_text(STAMP + lines)
    return kept


def test_a_stamp_of_an_older_version_is_compared_and_its_digest_not_repeated(tmp_path: Path) -> None:
    kept = old_stamp(tmp_path, KEY="one", HF="two")
    found = kept.says(KEY="one", HF="three")
    assert (found["$KEY"], found["$HF"]) == ("as given", "another")
    assert kept.says()["$KEY"] == "present"
    assert "sha256" not in repr(kept.says()) + repr(found)


def test_so_is_the_token_that_a_ray_of_an_older_version_was_started_with(tmp_path: Path) -> None:
    Kept(tmp_path)
    (tmp_path / "secrets").unlink()
    (tmp_path / "stamp").write_text(f"{STAMP}token={hashlib.sha256(b'one').hexdigest()[:16]}\n")
    for value, verdict in (("one", "as given"), ("two", "another")):
        variables = {"dir": str(tmp_path), "user": "", **secret_variables({"token": Secret(value)})}
        said = run(f"{assignments(variables, Secret.reveal)}{LIBRARY}\nread_stamp; say_stamp")
        assert f"token={verdict}\n" in said
        assert said.count("token=") == 1


def test_plain_digests_of_an_older_version_are_replaced_and_still_compared(tmp_path: Path) -> None:
    kept = old_stamp(tmp_path, KEY="one", HF="two", GONE="three")
    probe, replace = shell("service/plain_digests.sh"), shell("service/replace_digests.sh")
    assert kept.run(probe) == "plain=yes\n"
    kept.run(replace, KEY="one", HF="another")
    assert kept.run(probe) == ""
    assert (tmp_path / "stamp").read_text() == STAMP
    found = {key: value for key, value in kept.says(KEY="one", HF="two").items() if key in ("$KEY", "$HF", "$GONE")}
    assert found == {"$KEY": "as given", "$HF": "another", "$GONE": "present"}
    before = (tmp_path / "secrets").read_text()
    kept.run(replace, KEY="one", HF="another")
    assert (tmp_path / "secrets").read_text() == before


def test_a_value_that_only_looks_like_a_digest_is_a_value_to_the_present_version(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    (tmp_path / "stamp").write_text(f"{STAMP}$IMAGE=sha256:0123456789abcdef\n")
    assert kept.says()["$IMAGE"] == "sha256:0123456789abcdef"
    assert kept.run(shell("service/plain_digests.sh")) == ""
