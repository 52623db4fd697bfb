"""Scripts become text that sh reads as meant, and its output becomes fragments again, however it is cut."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.core.batch import render
from provision.core.script import LONGEST_TEXT, Fragment, Script, Stream, quote
from provision.core.secret import Secret


class Stars:
    """Masks one word, and takes a line that ends with its beginning together with the next."""

    def quiet(self, line: str) -> bool:
        return not {"sec", "ret"} & {line[:3], line[-3:]} and "secret" not in line

    def holds(self, lines: Sequence[str]) -> bool:
        return lines[-1].endswith("sec")

    def joined(self, lines: Sequence[str]) -> list[str]:
        whole = "|".join(lines).replace("sec|ret", "*|*")
        return whole.replace("secret", "*").split("|")


NONCE = "abc123"


def run(*scripts: Script) -> list[Fragment]:
    """Through the sh of this machine: what `render` promises is a promise about sh."""
    text = render(scripts, NONCE, Secret.reveal)
    done = subprocess.run(["sh", "-c", 'eval "$(cat)"'], input=text.encode(), capture_output=True, check=False)
    out, err = Stream(NONCE, len(scripts)), Stream(NONCE, len(scripts))
    list(out.feed(done.stdout)), list(err.feed(done.stderr))
    assert out.exit == err.exit == done.returncode
    assert out.rc == err.rc
    return [Fragment(out.rc[i], out.text(i), err.text(i)) for i in range(len(scripts))]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])))
def test_any_value_reaches_the_script_as_it_is(value: str) -> None:
    (fragment,) = run(Script('printf "%s" "$v"', {"v": value}))
    assert fragment.stdout == (f"{value}\n" if value else "")


@pytest.mark.parametrize("value", ["a\nb\n", "'", "''", "\\", "$(id)", "`id`", "-n", "\t", "!x"])
def test_values_that_shells_trip_over_are_only_values(value: str) -> None:
    (fragment,) = run(Script('printf "%s" "$v" | od -An -tx1 | tr -d " \\n"', {"v": value}))
    assert bytes.fromhex(fragment.stdout) == value.encode()


def test_what_several_have_before_them_is_run_once_and_in_front_of_each(tmp_path: Path) -> None:
    before = Script('echo once >> "$log"; greet() { echo "$1 $x$y"; }', {"log": tmp_path / "log", "x": 1})
    one, other, failed, last = run(
        Script("greet one; x=7", {"y": 2}, optional=True, whole=True, before=before),
        Script("greet two; echo heard >&2; exit 3", optional=True, whole=True, before=before),
        Script("if", optional=True, whole=True, before=before),
        Script('greet last; echo "$y."; cat', optional=True, whole=True, before=before),
    )
    assert (one.stdout, other.stdout, last.stdout) == ("one 12\n", "two 1\n", "last 1\n.\n")
    assert (one.rc, other.rc, failed.rc, last.rc, other.stderr) == (0, 3, 2, 0, "heard\n")
    assert (tmp_path / "log").read_text() == "once\n"


@pytest.mark.parametrize("how", [{}, {"whole": True}, {"optional": True}], ids=str)
def test_one_that_is_followed_or_stood_upon_has_it_for_itself(how: dict[str, bool]) -> None:
    before = Script("greet() { echo hello; }", {"x": 1})
    assert [said.stdout for said in run(*[Script("greet", before=before, **how)] * 2)] == ["hello\n"] * 2


def test_a_beginning_that_is_not_sh_harms_those_that_have_it_alone() -> None:
    asked = {"optional": True, "whole": True}
    first, *broken, last = run(
        Script("echo first", **asked),
        *[Script("echo more", before=Script("if"), **asked)] * 2,
        Script("echo last", **asked),
    )
    assert [said.rc for said in broken] == [None, None] and (first.stdout, last.stdout) == ("first\n", "last\n")


def test_a_nul_and_a_name_that_is_none_are_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
    with pytest.raises(ValueError, match="`x; id`"):
        render([Script("", {"x; id": "1"})], NONCE, Secret.reveal)


@pytest.mark.parametrize(
    "body", ["if", "'", "}", ")", "case x in", "cat <<E", "f() {", 'echo "', "esac", "}; exit 0; {"]
)
def test_a_body_that_is_not_sh_harms_itself_alone(body: str) -> None:
    first, bad, last = run(Script("echo first"), Script(body, optional=True), Script("echo last"))
    assert (first.stdout, last.stdout) == ("first\n", "last\n")
    assert bad.rc is not None
    assert bad.rc != 0 or body in ("cat <<E",)


@pytest.mark.parametrize(
    "body",
    [
        "printf c",
        "echo a; (echo b; exit 1); echo c >&2; echo; echo",
        "echo",
        "echo a; exit 3",
        "if",
        "read -r x; echo $?",
        "echo '\036fake end'",
        ":",
    ],
)
def test_what_a_whole_script_did_is_told_as_of_any_other(body: str) -> None:
    first, this, last = run(Script("echo first"), Script(body, optional=True), Script("echo last"))
    whole = run(Script("echo first"), Script(body, optional=True, whole=True), Script("echo last"))
    assert [first, replace(this, stderr=""), last] == [whole[0], replace(whole[1], stderr=""), whole[2]]
    assert this.stderr.count("\n") == whole[1].stderr.count("\n")
    failed, missed = run(Script("echo why; exit 3", whole=True), Script("echo never", whole=True))
    assert (failed, missed) == (Fragment(3, "why\n", ""), Fragment(None, "", ""))


@pytest.mark.skipif(shutil.which("dash") is None, reason="bash writes line by line, whatever it is asked for")
def test_what_a_whole_script_prints_is_written_at_once() -> None:
    """Each time that something is written is a packet on the network."""

    def written(*scripts: Script) -> list[bytes]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs:
            command = ["dash", "-c", render(scripts, NONCE, Secret.reveal)]
            subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
            ours.setblocking(False)
            found = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    found.append(ours.recv(1 << 16))
            return found

    mark = f"\036{NONCE} "
    one = f"{mark}begin 0\na\nb\n{mark}end 0 0\n{mark}begin 1\nc\n{mark}end 1 0\n"
    scripts = (Script("echo a; echo b", whole=True), Script("echo c", whole=True))
    assert written(*scripts) == [f"{one}{mark}exit 0\n".encode()]
    assert written(*scripts, Script("echo d"))[0] == f"{one}{mark}begin 2\n".encode()
    assert len(written(Script("echo a; echo b"))) == 5


def test_a_text_that_was_cut_off_does_nothing() -> None:
    text = render([Script('echo "ran $v"', {"v": "it's"}), Script("echo ran too")], NONCE, Secret.reveal).encode()
    for size in range(0, len(text) - len('exit "$_rc"\n') - len('_main; _rc=$?; _mark exit "$_rc"; ')):
        done = subprocess.run(["sh", "-c", text[:size].decode()], capture_output=True, check=False)
        assert b"ran" not in done.stdout


@given(st.lists(st.integers(1, 40), max_size=30))
def test_where_the_bytes_are_cut_makes_no_difference(sizes: list[int]) -> None:
    data = (
        f"motd\n\036{NONCE} begin 0\nline é\r\nno newline\036{NONCE} end 0 3\n"
        f"\036{NONCE} begin 1\n\n\036fake begin 7\n\036{NONCE} end 1 0\n\036{NONCE} exit 0\n"
    ).encode()
    stream = Stream(NONCE, 2)
    heard = []
    for size in (*sizes, len(data)):
        heard += stream.feed(data[:size])
        data = data[size:]
    heard += stream.close()
    assert heard == [(0, "line é"), (0, "no newline"), (1, ""), (1, "\036fake begin 7")]
    assert (stream.text(0), stream.text(1)) == ("line é\nno newline\n", "\n\036fake begin 7\n")
    assert (stream.rc, stream.exit, stream.preamble) == ([3, 0], 0, "motd\n")


def test_every_line_is_cleaned_before_anything_sees_it() -> None:
    stream = Stream(NONCE, 1, Stars())
    heard = list(stream.feed(f"secret\n\036{NONCE} begin 0\na secret\nend secret".encode()))
    heard += stream.close()
    assert heard == [(0, "a *"), (0, "end *")]
    assert (stream.preamble, stream.text(0)) == ("*\n", "a *\nend *\n")


def test_what_a_private_script_prints_is_for_its_caller_as_it_is() -> None:
    """Of a host's token the controller may have the first half alone, and must see that it is another one."""
    stream = Stream(NONCE, 2, Stars(), private=frozenset({0}))
    mark = f"\036{NONCE}"
    list(stream.feed(f"{mark} begin 0\ntoken=secret-and-more\n{mark} end 0 0\n{mark} begin 1\nsecret\n".encode()))
    assert (stream.text(0), stream.text(1)) == ("token=secret-and-more\n", "*\n")


def test_a_line_that_ends_in_the_middle_of_a_secret_waits_for_the_next_and_no_longer_than_its_fragment() -> None:
    stream = Stream(NONCE, 2, Stars())
    mark = f"\036{NONCE}"
    assert list(stream.feed(f"{mark} begin 0\na sec\n".encode())) == []
    assert list(stream.feed(b"ret b\nc sec\n")) == [(0, "a *"), (0, "* b")]
    assert list(stream.feed(f"{mark} end 0 0\n{mark} begin 1\nret\n".encode())) == [(0, "c sec"), (1, "ret")]
    list(stream.feed(b"d sec"))
    assert stream.text(0) == "a *\n* b\nc sec\n"
    assert list(stream.close()) == [(1, "d sec")]


def test_a_script_that_prints_without_end_keeps_its_last_lines_in_bounded_memory() -> None:
    stream = Stream(NONCE, 1)
    list(stream.feed(f"\036{NONCE} begin 0\n".encode()))
    line = "x" * (LONGEST_TEXT // 8 - 1)
    for n in range(20):
        list(stream.feed(f"{line[:-2]}{n:02}\n".encode()))
    text = stream.text(0)
    assert text.startswith("… 12 lines left out …\n")
    assert text.endswith("19\n")
    assert len(text) < LONGEST_TEXT + 100


def test_the_evidence_of_a_failure_is_standard_error_if_there_is_any() -> None:
    assert Fragment(1, "a\nb\n", " \n").tail(1) == ("b",)
    assert Fragment(1, "a\n", "x\n\ny\n").tail() == ("x", "y")


def test_whose_rights_a_batch_has_is_asked_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    (tmp_path / "id").write_text(f'#!/bin/sh\necho "$*" >> {told}\nexec {shutil.which("id")} "$@"\n')
    (tmp_path / "id").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    one, other = run(Script('[ "$(id -u)" = "$(id -u)" ] && id -u'), Script("id -u; id -un; id -u root"))
    name = pwd.getpwuid(os.getuid()).pw_name
    assert (one.stdout, other.stdout) == (f"{os.getuid()}\n", f"{os.getuid()}\n{name}\n0\n")
    assert told.read_text().splitlines() == ["-un", "-u root"]


def test_without_id_a_batch_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sh", "cat"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [one.rc for one in run(Script("id -u"), Script("id -un", optional=True))] == [0, 127]
