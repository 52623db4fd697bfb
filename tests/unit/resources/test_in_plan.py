"""What a plan says of a change: packages and their versions, lines of files, and no digests."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from test_service_diff import runs, server

from provision.core.plan import Mode, findings_of, make_plan
from provision.core.playbook import Step
from provision.core.resource import Difference, Interruption, State
from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.environment.lockfile import no_lock, parse_lock
from provision.inventory.models import Python
from provision.resources.text_file import LINES, TextFile
from provision.resources.venv import Venv
from provision.transport.redact import redactor

PYTHON = Python(version="3.11", packages=("vllm>=0.33", "ray[default]"), wheels="controller")
HEAD = "# python: 3.11\n# platform: x86_64-manylinux_2_34\n"


def environment(**packages: str) -> Venv:
    lines = (f"{name}=={version} --hash=sha256:{'ab' * 32}\n" for name, version in packages.items())
    return Venv(parse_lock(HEAD + "".join(lines), Path("a.lock")), PYTHON, "/opt/p", "llama", uv="/usr/bin/uv")


def said(wanted: Venv, have: State) -> tuple[str, ...]:
    return wanted.in_plan(have, wanted.diff(have, wanted.want()))


def built(venv: Venv) -> State:
    dist = "/".join(f"{name}-{version}.dist-info" for name, version in venv.lock.packages.items())
    lines = (f"current={venv.lock.short}", f"finished={venv.lock.digest}", "python=3.11.2", f"dist={dist}")
    return venv.read(Fragment(0, "\n".join(lines), ""))


def test_another_environment_is_told_by_its_packages_those_first_that_somebody_asked_for() -> None:
    have = built(environment(attrs="1.0", vllm="0.32.0", old="2", ray="2.60.0"))
    wanted = environment(attrs="1.1", vllm="0.33.0", ray="2.60.0", torch="2.14.0")
    lines = said(wanted, have)
    assert lines == ("vllm 0.32.0 → 0.33.0", "attrs 1.0 → 1.1", "old 2 → absent", "torch absent → 2.14.0")


def test_what_is_broken_in_the_one_in_use_is_said_as_ever() -> None:
    wanted = environment(vllm="0.33.0")
    assert said(wanted, {**(built(wanted) or {}), "dist.vllm": "0.1"}) == ("vllm 0.1 → 0.33.0",)
    assert said(wanted, None) == ("absent → present",)


def test_without_a_lock_nobody_claims_to_know_them() -> None:
    unlocked = replace(environment(vllm="0.33.0"), lock=no_lock(PYTHON, Path("a.lock")))
    assert said(unlocked, built(environment(vllm="0.32.0"))) == ("its packages are not known until they are locked",)


def test_a_service_says_that_its_environment_is_another_and_not_where_that_lies() -> None:
    have = runs(server({"environment": "aaaa1111", "--size": "1"}, PATH="/opt/envs/aaaa1111/bin:/bin"))
    wanted = server({"environment": "bbbb2222", "--size": "2"}, PATH="/opt/envs/bbbb2222/bin:/bin")
    assert wanted.in_plan(have, wanted.diff(have, wanted.want())) == ("another environment", "--size 1 → 2")


def test_a_service_that_answers_is_interrupted_for_as_long_as_its_last_start_took() -> None:
    one = server({"--size": "1"})
    assert one.interrupted(runs(one, took="34"), ()) == Interruption("server", 34.0)
    assert one.interrupted(runs(one), ()) == Interruption("server", None)
    assert one.interrupted(None, ()) is None
    assert one.interrupted(runs(one, running="no: its process is gone"), ()) is None


def test_the_time_of_the_last_start_is_no_difference() -> None:
    one = server({"--size": "1"})
    assert one.diff(runs(one, took="34"), one.want()) == ()


def probed(file: TextFile, text: str) -> State:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return file.read(Fragment(0, f"sha256={digest}\ntext={base64.b64encode(text.encode()).decode()}\nmode=644", ""))


def test_of_a_file_the_lines_are_told_that_change() -> None:
    file = TextFile("/etc/x", "a = 1\nb = 2\nc = 3\nd = 4\n", mode="600")
    have = probed(file, "a = 1\nb = 1\nc = 3\nd = 4\n")
    lines = file.in_plan(have, file.diff(have, file.want()))
    assert lines == ("mode 644 → 600", "@@ -1,3 +1,3 @@", " a = 1", "-b = 1", "+b = 2", " c = 3")


def test_a_long_difference_is_cut_off_and_says_so() -> None:
    file = TextFile("/etc/x", "\n".join(map(str, range(100))))
    have = probed(file, "other")
    lines = file.in_plan(have, file.diff(have, file.want()))
    assert len(lines) == LINES + 1 and lines[-1] == f"… {102 - LINES} more lines"


def test_a_file_whose_lines_were_not_sent_differs_all_the_same() -> None:
    file = TextFile("/etc/x", "a\n")
    have: State = {"sha256": "0", "mode": "644"}
    assert file.in_plan(have, file.diff(have, file.want())) == ("content another → as given",)


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_a_secret_that_a_file_holds_is_not_shown_and_breaks_nothing(before: str) -> None:
    """It is masked in base64, of which then no letters are left to stand for it."""
    file = TextFile("/etc/x", "a = 1\n")
    text = base64.b64encode(f"{before}token = hf_abcdefghijk12345\nmore\n".encode()).decode()
    line = redactor([Secret("hf_abcdefghijk12345", "HF_TOKEN")])(f"text={text}")
    have = file.read(Fragment(0, f"sha256=0\n{line}\nmode=644\n", ""))
    assert file.in_plan(have, file.diff(have, file.want())) == ("content another → as given",)


def test_a_folder_in_the_place_of_a_file_is_said_how_to_move() -> None:
    failed = Fragment(1, "", "/opt/my files/token is a folder\n")
    said, hint = TextFile("/opt/my files/token", "x").explain(failed)
    assert said == ("/opt/my files/token is a folder",)
    assert hint == "move it away on the host: `mv '/opt/my files/token' '/opt/my files/token'.was`"
    assert TextFile("/x", "x").explain(Fragment(1, "", "no space\n"))[1] == ""


@pytest.mark.parametrize(
    ("running", "found"),
    [
        ({"running": "no: its process is gone"}, "not running: its process is gone"),
        ({"running": "no"}, "not running"),
        ({"running": "no: the host was rebooted"}, "not running: the host was rebooted"),
    ],
)
def test_a_service_that_does_not_run_is_told_as_how_it_is_and_not_as_its_probe_prints_it(
    running: dict[str, str], found: str
) -> None:
    wanted = server({"--size": "4096"})
    ((aspect, said),) = running.items()
    difference = Difference(aspect, "yes", said)
    assert wanted.in_check(difference) == (found, aspect)
    assert wanted.in_plan({}, [difference]) == (f"{found} → {aspect}",)
    assert wanted.in_check(Difference("ready", "yes", "waited for in vain")) == ("waited for in vain", "ready")
    step = Step("gpu-01", wanted)
    plan = make_plan(Mode.CHECK, [step], {step.key: runs(wanted, **running)})
    assert f"is `{found}`" in findings_of(plan)[0].message
