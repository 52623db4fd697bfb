"""What is said while another run has the hosts."""

import re
import time
from pathlib import Path

import pytest

from provision.core.errors import Busy
from provision.core.exits import Exit
from provision.core.lease import Answer, Holder
from provision.engine.leasing import busy, claim_of, look_around
from provision.render.errors import error_lines

DOCUMENT = Path(__file__).parents[3] / "docs/one-at-a-time.md"


def since(clock: str) -> float:
    """A moment within the last hours at which a clock here showed that."""
    hours, minutes = map(int, clock.split(":"))
    return time.mktime((2026, 11, 28, hours, minutes, 0, 0, 0, -1))


def test_the_documents_sample_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    began = since("13:02")
    monkeypatch.setattr("time.time", lambda: began + 60)
    ann = Holder("up", "ann@laptop", "10.0.0.9", 4711, "rack", "/home/ann/rack.yaml", since=began)
    printed = error_lines(busy({"gpu-01": Answer("busy", ann)}, Path("cluster.yaml")))
    (sample,) = re.findall(r"^```\n(error: .*?)```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert printed == sample.splitlines()


def test_two_runs_are_both_named_with_their_hosts() -> None:
    ann, bob = Holder("up", "ann@laptop", pid=1), Holder("down", "bob@desk", pid=2)
    answers = {"a": Answer("busy", ann), "b": Answer("free"), "c": Answer("busy", bob), "d": Answer("busy")}
    error = busy(answers, None)
    assert (error.exit_code, error.hosts) == (Exit.BUSY, ("a", "c", "d"))
    first, second, third = error.evidence
    assert first.startswith("a: an `up` from laptop, pid 1, ") and second.startswith("c: a `down` from desk, pid 2, ")
    assert third == "d: another run is just beginning, or ending"
    assert "`provision unlock --why 'it hangs'`" in error.hint


def test_who_looks_goes_on_where_nobody_is_at_work() -> None:
    look_around({}, None)
    look_around({"a": Answer("free"), "b": Answer("unlocked")}, None)
    with pytest.raises(Busy, match="another run is just beginning, or ending"):
        look_around({"a": Answer("busy")}, None)


def test_a_claim_names_this_process() -> None:
    claim = claim_of("up", "rack", Path("rack.yaml"))
    user, sign, machine = claim.who.partition("@")
    assert user and sign and machine and claim.pid > 0
    assert Path(claim.inventory).is_absolute()
