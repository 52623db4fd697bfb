from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from provision.core.plan import Mode, findings_of, make_plan
from provision.core.playbook import Step
from provision.core.resource import State
from provision.core.script import Script
from provision.core.secret import Secret
from provision.resources.service import OBSERVED, Place, Service, aspects_of


@dataclass(frozen=True)
class Server(Service):
    flags: Mapping[str, str] = field(default_factory=dict, hash=False)
    env: Mapping[str, str | Secret] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return "server"

    def command(self) -> tuple[str, ...]:
        return ("server", *(f"{flag}={value}" for flag, value in self.flags.items()))

    def environment(self) -> Mapping[str, str | Secret]:
        return self.env

    def aspects(self) -> Mapping[str, str]:
        return aspects_of(self.flags, self.env)

    def ready(self) -> Script:
        return Script("true")


PLACE = Place("/home/me/.provision/clusters/a/host/server", "a/host/server")


def server(flags: Mapping[str, str], **env: str | Secret) -> Server:
    return Server(PLACE, flags, env)


def runs(service: Server, **more: str) -> State:
    """What the probe of `service` sees while it runs."""
    observed = {"pid": "17", "start": "4711", "unit": "", "ready": "yes", "running": "yes", "health": "ok"}
    return {**service.aspects(), **observed, **more}


def differences(have: State, wanted: Server) -> list[str]:
    return [str(difference) for difference in wanted.diff(have, wanted.want())]


def test_one_that_runs_as_wanted_has_no_difference() -> None:
    wanted = server({"--size": "1"}, HOME="/home/me")
    assert differences(runs(wanted), wanted) == []


def test_a_changed_flag_comes_before_one_added_and_one_removed() -> None:
    have = runs(server({"--size": "4096", "--old": "x"}))
    assert differences(have, server({"--new": "y", "--size": "8192"})) == [
        "--size 4096 → 8192",
        "--new absent → y",
        "--old x → absent",
    ]


def test_a_variable_and_a_secret_are_told_apart_from_flags_and_never_shown() -> None:
    have = runs(server({}, HOME="/a", KEY=Secret("first-value")))
    wanted = server({}, HOME="/b", KEY=Secret("second-value"))
    assert differences({**(have or {}), "$KEY": "another"}, wanted) == ["$HOME /a → /b", "$KEY another → as given"]


def test_what_is_wanted_is_the_same_whatever_the_secret_is() -> None:
    assert server({}, KEY=Secret("first-value")).want() == server({}, KEY=Secret("second-value")).want()


def test_a_process_that_is_gone_is_the_one_difference_that_is_told() -> None:
    have = runs(server({"--size": "4096"}), running="no: its process is gone")
    assert differences(have, server({"--size": "8192"})) == ["running no: its process is gone → yes"]


def test_one_that_is_not_ready_yet_is_waited_for_and_not_restarted() -> None:
    wanted = server({"--size": "1"})
    have = {key: value for key, value in (runs(wanted) or {}).items() if key != "ready"}
    waiting = wanted.fix(have, wanted.want()).body
    assert "stop || exit 1" not in waiting
    assert "stop || exit 1" in wanted.fix({**have, "--size": "2"}, wanted.want()).body
    assert "stop || exit 1" in wanted.fix(runs(wanted, health="not listening"), wanted.want()).body


def test_one_that_was_waited_for_in_vain_is_restarted_and_not_waited_for_again() -> None:
    wanted = server({"--size": "1"})
    have = {key: value for key, value in (runs(wanted) or {}).items() if key != "ready"}
    assert differences({**have, "waited": "yes"}, wanted) == ["ready waited for in vain → yes"]
    assert "stop || exit 1" in wanted.fix({**have, "waited": "yes"}, wanted.want()).body


def test_one_that_is_starting_again_says_how_often_and_is_waited_for() -> None:
    wanted = server({"--size": "1"})
    have = {key: value for key, value in (runs(wanted) or {}).items() if key != "ready"}
    have |= {"again": "it is starting again, third time since 02:14"}
    assert differences(have, wanted) == ["ready it is starting again, third time since 02:14 → yes"]
    assert "stop || exit 1" not in wanted.fix(have, wanted.want()).body


@pytest.mark.parametrize(
    ("found", "restarts"),
    [
        ("no: its unit is missing", False),
        ("no: its unit is masked", False),
        ("no: its unit is not enabled", False),
        ("no: its unit was changed", True),
        ("", True),  # it is one of an earlier version
    ],
)
def test_a_unit_that_would_not_come_back_is_repaired_and_one_that_is_another_restarts(
    found: str, restarts: bool
) -> None:
    wanted = replace(server({"--size": "1"}), place=replace(PLACE, runtime="kept"))
    assert differences(runs(wanted, **{"stays up": "yes"}), wanted) == []
    have = runs(wanted, **({"stays up": found} if found else {}))
    assert differences(have, wanted) == [f"stays up {found or 'absent'} → yes"]
    assert ("stop || exit 1" in wanted.fix(have, wanted.want()).body) is restarts


@pytest.mark.parametrize(
    ("runtime", "found", "words"),
    [
        ("session", "yes", ("started again by itself", "not: stay_up is false, or who logs in does not linger")),
        (
            "kept",
            "no: its unit is masked",
            ("not started again by itself: its unit is masked", "started again by itself"),
        ),
        ("kept", "", ("not started again by itself", "started again by itself")),
    ],
)
def test_whether_it_comes_back_is_said_in_words(runtime: str, found: str, words: tuple[str, str]) -> None:
    """`check` names the service alone, so that `yes` and `absent` would be all that is said."""
    wanted = replace(server({}), place=replace(PLACE, runtime=runtime))
    have = runs(wanted, **({"stays up": found} if found else {}))
    (difference,) = wanted.diff(have, wanted.want())
    assert wanted.in_check(difference) == words
    assert wanted.in_plan(have, [difference]) == (" → ".join(words),)


def test_a_unit_of_somebody_else_blocks_and_nothing_is_removed_for_it() -> None:
    wanted = replace(server({}), place=replace(PLACE, runtime="kept"))
    have = {"foreign": "/etc/systemd/system/provision-a-host-server.service"}
    (finding,) = wanted.blockers(have)
    assert (
        finding.said == "`/etc/systemd/system/provision-a-host-server.service` is not provision's: it does not say so"
    )
    assert wanted.diff(have, None) == ()
    assert wanted.blockers(runs(wanted)) == ()


def test_one_that_is_not_ready_yet_is_not_called_unwell_as_well() -> None:
    wanted = server({})
    have = {key: value for key, value in (runs(wanted, health="not listening") or {}).items() if key != "ready"}
    assert [d.aspect for d in wanted.diff(have, wanted.want())] == ["ready"]
    assert differences(runs(wanted, health="not listening"), wanted) == ["health not listening → ok"]


def test_how_a_service_is_belongs_to_its_own_name_and_a_flag_to_the_flags() -> None:
    facts = {aspect: server({}).fact(aspect) for aspect in ("", "running", "ready", "health", "--size", "environment")}
    assert facts == {
        "": "server",
        "running": "server",
        "ready": "server",
        "health": "server",
        "--size": "server --size",
        "environment": "server environment",
    }


def test_its_flags_are_remembered_and_no_variable() -> None:
    wanted = server({"--size": "1"}, KEY=Secret("first-value"), HOME="/home/me")
    have = {**(runs(wanted) or {}), "environment": "3f9c", "token": "sha256:1234"}
    assert [(k.area, k.fact, k.value) for k in wanted.known(have)] == [
        ("services", "server", "running"),
        ("services", "server --size", "1"),
        ("services", "server environment", "3f9c"),
    ]


def test_how_a_service_is_can_be_known_of_one_that_is_not_well() -> None:
    wanted = server({})

    def condition(**more: str) -> str:
        return wanted.known(runs(wanted, **more))[0].value

    assert condition(running="no: its process is gone") == "not running"
    assert condition(health="/health answers 500") == "/health answers 500"
    assert wanted.known({k: v for k, v in (runs(wanted) or {}).items() if k != "ready"})[0].value == "not ready"
    assert wanted.known(None) == ()


def test_a_service_is_known_alike_when_it_was_just_started_and_when_it_is_seen_again() -> None:
    wanted = server({"--size": "1"})
    assert wanted.known(wanted.want()) == wanted.known(runs(wanted))


def test_a_restart_that_another_one_causes_is_one_although_nothing_differs() -> None:
    wanted = server({})
    assert "stop || exit 1" in wanted.fix(runs(wanted), wanted.want()).body


def test_a_newline_in_a_value_cannot_add_a_line_to_a_stamp() -> None:
    text = aspects_of({"--template": "one\npid=1"}, {"TEXT": "a\nb"})
    assert text == {"--template": "one\\npid=1", "$TEXT": "a\\nb"}


def test_a_stamp_holds_what_is_wanted_and_no_secret() -> None:
    wanted = server({"--size": "1"}, KEY=Secret("first-value"))
    script = wanted.fix(None, wanted.want())
    stamp = str(script.vars["stamp"])
    assert stamp.splitlines() == ["--size=1"]
    assert not {line.partition("=")[0] for line in stamp.splitlines()} & OBSERVED


def test_of_one_that_died_or_never_ran_it_is_said_what_it_is_for_and_not_that_settings_changed() -> None:
    @dataclass(frozen=True)
    class Known(Server):
        purpose: ClassVar[str] = "it serves"
        why: ClassVar[str] = f"{purpose}, and new settings take effect only after a restart"

    def why(have: State) -> list[str]:
        step = Step("gpu-01", wanted)
        plan = make_plan(Mode.UP, [step], {step.key: have})
        return [finding.why for finding in findings_of(plan)]

    wanted = Known(PLACE, {"--size": "1"})
    died = {**runs(wanted), "running": "no: its process has exited"}
    unready = {key: value for key, value in runs(wanted).items() if key != "ready"}
    assert why(None) == why(died) == why(unready) == ["it serves"]
    assert why({**runs(wanted), "--size": "2"}) == [Known.why]
