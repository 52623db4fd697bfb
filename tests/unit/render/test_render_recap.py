import pytest
from render_samples import a_plan, a_report

from provision.errors import NameNotFound
from provision.finding import blocker
from provision.planning import Mode, make_plan
from provision.render.recap import failure_lines, last_line, quiet_lines, recap_lines
from provision.report import HostReport

EMPTY = make_plan(Mode.UP, [], {})
BLOCKED = make_plan(Mode.UP, [], {}, [blocker("a", "driver is `535`")])
FINE = (HostReport("gpu-01", "ok", (), (), 2.1, 1, 2), HostReport("gpu-02", "ok", (), (), 2.0, 1, 2))


def test_the_recap_has_a_line_per_host() -> None:
    assert recap_lines(a_report()) == [
        "host    status   changes  seconds",
        "gpu-01  changed        1     12.3",
        "gpu-02  failed         0      3.0",
        "gpu-03  ok             0      2.0",
    ]


def test_verbose_adds_connections_and_commands() -> None:
    lines = recap_lines(a_report(), verbose=True)
    assert lines[0].endswith("connections  commands")
    assert lines[3].split() == ["gpu-03", "ok", "0", "2.0", "1", "2"]


def test_of_many_hosts_those_that_are_fine_are_counted() -> None:
    hosts = tuple(HostReport(f"h{n:03}", "unreachable" if n == 7 else "ok", (), (), 1.0) for n in range(200))
    assert recap_lines(a_report(hosts=hosts)) == [
        "host  status       changes  seconds",
        "h007  unreachable        0      1.0",
        "199 hosts ok",
    ]


def test_an_error_that_the_report_holds_twice_is_shown_once() -> None:
    assert failure_lines(a_report()) == [
        "error: gpu-02: vllm: failed (exit code 1)",
        "  No space left",
        "hint: free 20 GB in /opt",
    ]


def test_a_failure_on_one_host_does_not_hide_the_others() -> None:
    gone = NameNotFound("gpu-03", "the name `gpu-03` resolves nowhere")
    lines = failure_lines(a_report(errors=(*a_report().errors, gone)))
    assert "" in lines
    assert "error: gpu-03: the name `gpu-03` resolves nowhere" in lines


def test_even_quietly_what_stands_in_the_way_is_said() -> None:
    plan = make_plan(Mode.UP, [], {}, [blocker("gpu-02", "driver is `535`", (), "update it")])
    assert quiet_lines(a_report(plan=plan, hosts=(), errors=())) == [
        "error: gpu-02: driver is `535`",
        "hint: update it",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"plan": EMPTY, "hosts": FINE, "exit_code": 0}, "nothing to change (2 hosts, 41 s)"),
        ({"command": "check", "plan": EMPTY, "hosts": FINE, "exit_code": 0}, "in sync (2 hosts, 41 s)"),
        (
            {"command": "down", "mode": Mode.DOWN, "plan": EMPTY, "hosts": FINE, "exit_code": 0},
            "nothing to change (2 hosts, 41 s), nothing of this cluster is left",
        ),
        ({}, "up: 1 host failed (3 hosts, 41 s)"),
        (
            {"hosts": (HostReport("a", "skipped", (), (), 1.0),), "exit_code": 130},
            "up: stopped, 1 host skipped (1 host, 41 s)",
        ),
        (
            {"hosts": (HostReport("a", "blocked", (), (), 1.0),), "plan": BLOCKED},
            "up: 1 host blocked, nothing was changed (1 host, 41 s)",
        ),
        (
            {"hosts": (HostReport("a", "changed", ("x", "y"), (), 1.0),), "exit_code": 0},
            "up: 2 changes made (1 host, 41 s)",
        ),
        (
            {"command": "check", "mode": Mode.CHECK, "plan": a_plan(), "hosts": FINE, "exit_code": 3},
            "check: drift, 3 changes on 2 hosts (41 s); `provision up` puts it right",
        ),
        (
            {"command": "plan", "mode": Mode.CHECK, "plan": a_plan(), "hosts": FINE, "exit_code": 3},
            "plan: 3 changes on 2 hosts (41 s); `provision up` would do it",
        ),
    ],
)
def test_the_last_line_says_it_in_one_sentence(changes: dict[str, object], sentence: str) -> None:
    assert last_line(a_report(**changes), again="provision up") == sentence
