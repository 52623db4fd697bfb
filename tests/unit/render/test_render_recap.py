from dataclasses import replace

import pytest
from check_samples import a_check, a_finding, a_missing_gpu, a_sound_check, a_warning, some_changes
from render_samples import a_plan, a_report

from provision.core.errors import NameNotFound
from provision.core.finding import HELD_UP, LIMIT, UNTOUCHED, Finding, Severity, blocker
from provision.core.plan import BY_UP, Mode, make_plan
from provision.core.report import HostReport
from provision.render.plan import plan_lines, totals
from provision.render.recap import check_lines, failure_lines, last_line, quiet_lines, recap_lines, warning_lines

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
            "nothing to change (2 hosts, 41 s), nothing of this cluster was found",
        ),
        ({}, "up: 1 host failed (3 hosts, 41 s)"),
        (
            {"hosts": (HostReport("a", "skipped", (), (), 1.0),), "exit_code": 130},
            "up: stopped, 1 host skipped (1 host, 41 s)",
        ),
        (
            {"hosts": (HostReport("a", "blocked", (), (), 1.0),), "plan": BLOCKED},
            "up: 1 host blocked, 1 thing in the way, nothing was changed on any host (1 host, 41 s)",
        ),
        (
            {"hosts": (HostReport("a", "changed", ("x", "y"), (), 1.0),), "exit_code": 0},
            "up: 2 changes made (1 host, 41 s)",
        ),
        (
            {"command": "plan", "mode": Mode.CHECK, "plan": a_plan(), "hosts": FINE, "exit_code": 3},
            "plan: 3 changes on 2 hosts (41 s); `provision up` would do it",
        ),
        (
            {
                "command": "plan",
                "plan": EMPTY,
                "hosts": FINE,
                "exit_code": 3,
                "findings": (a_finding("", fact="lock"),),
            },
            "plan: no change on any host; the lock is to be made (41 s); `provision up` would do it",
        ),
    ],
)
def test_the_last_line_says_it_in_one_sentence(changes: dict[str, object], sentence: str) -> None:
    assert last_line(a_report(**changes), again="provision up") == sentence


BY_UP_ALONE = (a_finding(hint=BY_UP), a_finding("gpu-03", hint=BY_UP))
UNREACHABLE = (*FINE, HostReport("gpu-03", "unreachable", (), (), 1.0))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"exit_code": 0, "findings": ()}, "in sync (3 hosts, 0.5 s)"),
        ({"exit_code": 0, "findings": (a_warning(),)}, "check: in sync, 1 warning (3 hosts, 0.5 s)"),
        ({}, "check: 1 blocks, 1 drift, 1 warning (3 hosts, 0.5 s)"),
        ({"findings": BY_UP_ALONE}, "check: 1 drift (3 hosts, 0.5 s); `provision up` fixes it"),
        (
            {"findings": (a_finding(fact="VBIOS"), *BY_UP_ALONE)},
            "check: 2 drift (3 hosts, 0.5 s); `provision up` fixes 1 of 2",
        ),
        (
            {"findings": (a_missing_gpu(), *BY_UP_ALONE)},
            "check: 1 blocks, 1 drift (3 hosts, 0.5 s); fix what blocks, then `provision up` fixes 1",
        ),
        # `up` would change nothing on any host.
        (
            {"findings": BY_UP_ALONE, "exit_code": 4, "hosts": UNREACHABLE},
            "check: 1 host unreachable, 1 drift (3 hosts, 0.5 s); once all hosts answer, `provision up` fixes it",
        ),
        (
            {"findings": (a_missing_gpu(), *BY_UP_ALONE), "exit_code": 4, "hosts": UNREACHABLE},
            "check: 1 host unreachable, 1 blocks, 1 drift (3 hosts, 0.5 s); fix what blocks, then once all hosts "
            "answer, `provision up` fixes 1",
        ),
        (
            {"findings": (), "exit_code": 4, "hosts": UNREACHABLE},
            "check: 1 host unreachable (3 hosts, 0.5 s)",
        ),
        (
            {"findings": (a_warning(),), "exit_code": 4, "hosts": UNREACHABLE},
            "check: 1 host unreachable, 1 warning (3 hosts, 0.5 s)",
        ),
        ({"findings": (), "exit_code": 1}, "check: failed (3 hosts, 0.5 s)"),
        ({"findings": (), "exit_code": 130}, "check: stopped (3 hosts, 0.5 s)"),
        (
            {"findings": (), "since": some_changes()},
            "check: 3 changes since cluster/last-up.json (3 hosts, 0.5 s)",
        ),
    ],
)
def test_the_last_line_of_a_check_counts_what_was_found_and_says_what_up_would_do(
    changes: dict[str, object], sentence: str
) -> None:
    assert last_line(a_check(**changes), again="provision up") == sentence


def test_hosts_that_hold_an_up_up_are_told_of_once_and_the_last_line_says_what_that_means() -> None:
    held = replace(blocker("gpu-03", "nothing was changed on any host, because of this one"), fact=HELD_UP)
    plan = make_plan(Mode.UP, [], {}, [held])
    skipped = (HostReport("gpu-01", "skipped", (), (), 1.0), UNREACHABLE[-1])
    up = a_report(plan=plan, hosts=skipped, errors=(), exit_code=4)
    assert last_line(up) == (
        "up: 1 host unreachable, 1 host skipped, nothing was changed on any host (2 hosts, 41 s); "
        "fix that first, or name all other hosts with --limit"
    )
    assert quiet_lines(up) == [] and plan_lines(plan) == [] and totals(plan) == ""
    alone = last_line(a_report(plan=plan, hosts=UNREACHABLE[-1:], errors=(), exit_code=4))
    assert alone.endswith(" (1 host, 41 s); fix that first")


def test_what_hosts_that_were_not_looked_at_leave_open_is_said() -> None:
    gone = {"hosts": UNREACHABLE, "exit_code": 4, "errors": ()}
    assert last_line(a_report(**gone, command="plan", plan=a_plan())) == (
        "plan: 1 host unreachable (3 hosts, 41 s); on the others 3 changes on 2 hosts"
    )
    assert last_line(a_report(**gone, command="plan", plan=EMPTY)).endswith("; on the others nothing to change")
    hindered = replace(a_plan(), blockers=(blocker("gpu-01", "no driver"), blocker("gpu-02", "no driver")))
    blocked = (HostReport("gpu-01", "blocked", (), (), 1.0), HostReport("gpu-02", "blocked", (), (), 1.0))
    report = a_report(hosts=blocked, exit_code=3, errors=(), command="plan", plan=hindered)
    assert last_line(report, again="provision up a.yaml") == (
        "plan: 2 hosts blocked, 1 thing in the way (2 hosts, 41 s); "
        "without what is in the way `provision up a.yaml` would make 3 changes on 2 hosts"
    )
    alone = {**gone, "hosts": UNREACHABLE[-1:], "command": "plan"}
    assert last_line(a_report(**alone, plan=EMPTY)) == "plan: 1 host unreachable (1 host, 41 s)"
    assert last_line(a_report(**gone, command="down", mode=Mode.DOWN, plan=EMPTY)).endswith(
        "; whether anything of this cluster still runs there is not known"
    )


def test_of_a_check_the_recap_counts_findings() -> None:
    assert recap_lines(a_check(findings=(a_finding(), a_finding(fact="VBIOS"))))[:3] == [
        "host    status  findings  seconds",
        "gpu-01  ok             0      0.4",
        "gpu-02  ok             2      0.4",
    ]


def test_of_many_hosts_that_drift_the_recap_is_short() -> None:
    statuses = ["unreachable", *["drift"] * 150, *["ok"] * 49]
    hosts = tuple(HostReport(f"h{n:03}", status, (), (), 1.0) for n, status in enumerate(statuses))
    assert recap_lines(a_check(hosts=hosts)) == [
        "host  status       findings  seconds",
        "h000  unreachable         -      1.0",
        "150 hosts drift",
        "49 hosts ok",
    ]


def test_a_check_shows_table_findings_and_changes_with_an_empty_line_between() -> None:
    changes = some_changes()
    lines = check_lines(a_check(since=changes), now=changes.taken + 3 * 86_400)
    starts = [lines[n + 1] for n, line in enumerate(lines) if not line]
    assert lines[1] == "drivers"
    assert [s.partition(" ")[0] for s in starts] == ["blocks:", "drift:", "warning:", "since"]


def test_a_sound_check_shows_nothing_but_what_was_asked_for() -> None:
    assert check_lines(a_sound_check(), now=0) == []
    assert any("GPU model" in line for line in check_lines(a_sound_check(), now=0, everything=True))


def test_a_quiet_check_has_a_line_for_what_makes_its_exit_code() -> None:
    assert quiet_lines(a_check()) == [
        "blocks: gpu-03: GPUs are `7`, the inventory expects `8`",
        "drift: gpu-02: driver is `580.82.07`, the other hosts have `580.65.06`",
    ]
    assert quiet_lines(a_sound_check(findings=(a_warning(),))) == []


def test_even_quietly_what_has_changed_is_said() -> None:
    changes = some_changes()
    lines = quiet_lines(a_sound_check(since=changes), now=changes.taken + 3 * 86_400)
    assert "  torch 2.14.0 → 2.14.1 on gpu-01, gpu-02" in lines


def test_who_wants_something_done_reads_one_line_for_a_warning_and_none_for_drift() -> None:
    report = a_report(findings=(a_finding(), a_warning("gpu-01"), a_warning("gpu-02")))
    assert warning_lines(report) == ["warning: gpu-01, gpu-02: power limit is `300 W`, should be `700 W`"]


def test_a_run_over_some_of_the_hosts_says_of_how_many() -> None:
    some = {"hosts": FINE[:1], "plan": EMPTY, "left_out": ("gpu-02",), "exit_code": 0, "errors": ()}
    down = a_report(**some, command="down", mode=Mode.DOWN)
    assert last_line(down) == "nothing to change (1 of 2 hosts, 41 s), nothing of this cluster was found on gpu-01"
    assert last_line(a_report(**some, command="check")) == "in sync (1 of 2 hosts, 41 s)"


def test_where_not_all_members_are_known_a_down_says_it_and_of_whom_it_speaks() -> None:
    unread = replace(a_warning(""), said="who belonged to `llama` is not known", hint="do this")
    none = {"hosts": FINE[:1], "plan": EMPTY, "exit_code": 0, "errors": (), "findings": (unread,)}
    down = a_report(**none, command="down", mode=Mode.DOWN)
    assert last_line(down) == "nothing to change (1 host, 41 s), nothing of this cluster was found on gpu-01"
    assert warning_lines(down) == ["warning: who belonged to `llama` is not known", "hint: do this"]


def test_of_a_host_whose_files_a_down_did_not_look_at_it_does_not_say_that_nothing_is_left() -> None:
    untouched = replace(a_warning("gpu-02"), fact=UNTOUCHED, said="only processes are stopped", hint="do this")
    none = {"plan": EMPTY, "exit_code": 0, "errors": (), "findings": (untouched,), "command": "down", "mode": Mode.DOWN}
    both = a_report(**none, hosts=FINE[:2])
    assert last_line(both) == "nothing to change (2 hosts, 41 s), nothing of this cluster was found on gpu-01"
    alone = a_report(**none, hosts=FINE[1:2])
    assert last_line(alone) == "nothing to change (1 host, 41 s)"
    assert warning_lines(both) == ["warning: gpu-02: only processes are stopped", "hint: do this"]


def test_what_takes_a_host_that_was_left_out_is_told_with_the_way_on() -> None:
    found = Finding(
        "",
        "services",
        f"{LIMIT} gpu-02",
        Severity.DRIFT,
        said="gpu-02 is left out by `--limit`: …",
        hint="run it again",
    )
    report = a_report(hosts=FINE[:1], plan=EMPTY, left_out=("gpu-02",), exit_code=3, errors=(), findings=(found,))
    assert warning_lines(report) == ["drift: gpu-02 is left out by `--limit`: …", "hint: run it again"]
    assert last_line(report).endswith("; not all that it takes")
