"""What is asked when a step has failed must never cost what was known before."""

from collections.abc import Mapping
from typing import cast

from provision.core import events
from provision.core.errors import Cancelled, ConnectionLost, HostError, ScriptFailed
from provision.core.inquiry import Explanation, Inquiry
from provision.core.playbook import Concerned
from provision.core.script import Fragment, Script
from provision.engine.inquirer import Inquirer
from provision.engine.prover import Prover


class Asking(Inquiry):
    label = "asking"

    def __init__(self, says: Mapping[str, Explanation] | Exception) -> None:
        self.says = says

    def scripts(self) -> Mapping[str, Script]:
        return {"a": Script("true"), "b": Script("true")}

    def read(self, failed: Mapping[str, HostError], answers: Mapping[str, Fragment]) -> Mapping[str, Explanation]:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class Hosts:
    def __init__(self, raises: Exception | None = None) -> None:
        self.raises = raises
        self.asked: list[set[str]] = []

    def ask(self, label: str, scripts: Mapping[str, Script]) -> tuple[dict[str, Fragment], dict[str, HostError]]:
        self.asked.append(set(scripts))
        if self.raises:
            raise self.raises
        return {}, {}


def explain(error: HostError, says: Mapping[str, Explanation] | Exception, hosts: Hosts) -> list[str]:
    heard: list[events.Event] = []
    placed = [Concerned(Asking(says), ("step",))]
    Inquirer(cast(Prover, hosts), heard.append).explain({"step": error, "other": ScriptFailed("c", "x")}, placed)
    return [event.text for event in heard if isinstance(event, events.Note)]


def test_what_was_found_becomes_the_failures_own_words() -> None:
    error = ScriptFailed("a", "vLLM: failed", evidence=["one"], hint="two")
    notes = explain(error, {"step": Explanation("vLLM: failed: no memory", ("line",), "buy some")}, Hosts())
    assert (str(error), error.evidence, error.hint) == ("a: vLLM: failed: no memory", ("line",), "buy some")
    assert notes == ["vLLM: failed: no memory"]


def test_an_inquiry_that_fails_itself_is_a_note_and_the_failure_stays() -> None:
    error = ScriptFailed("a", "vLLM: failed", evidence=["one"])
    notes = explain(error, ValueError("oh"), Hosts())
    assert (error.message, error.evidence) == ("vLLM: failed", ("one",))
    assert notes == ["the hosts' logs could not be read: ValueError: oh"]


def test_who_cancels_meanwhile_is_not_kept_waiting() -> None:
    error = ScriptFailed("a", "vLLM: failed")
    assert explain(error, {}, Hosts(Cancelled("cancelled"))) == []
    assert error.message == "vLLM: failed"


def test_a_host_whose_connection_broke_is_not_waited_for_again() -> None:
    hosts = Hosts()
    explain(ConnectionLost("b", "the connection broke"), {}, hosts)
    assert hosts.asked == [{"a"}]


def test_nobody_is_asked_about_a_step_that_no_inquiry_is_for() -> None:
    hosts = Hosts()
    Inquirer(cast(Prover, hosts), events.silent).explain(
        {"other": ScriptFailed("a", "x")}, [Concerned(Asking({}), ("step",))]
    )
    assert hosts.asked == []
