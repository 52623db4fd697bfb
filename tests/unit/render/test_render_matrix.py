"""The table of hosts and facts. The samples are made up."""

from dataclasses import replace

from check_samples import HOSTS, OLD, a_check, a_finding, a_missing_gpu, a_sound_check, known_of
from hypothesis import example, given
from hypothesis import strategies as st

from provision.core.finding import Known, Severity
from provision.core.report import HostReport, Report
from provision.render.matrix import matrix_lines
from provision.render.text import Paint, cells


def many(number: int, odd: str = "gpu-007") -> Report:
    """All alike, but one that has another driver, and each its own uptime."""
    names = [f"gpu-{n:03}" for n in range(1, number + 1)]
    return a_check(
        hosts=tuple(HostReport(name, "ok", (), (), 0.4) for name in names),
        findings=(a_finding(odd),),
        known={
            name: (
                Known("drivers", "driver", "580.82.07" if name == odd else OLD),
                Known("gpus", "GPUs", "8"),
                Known("system", "uptime", f"{n} days", lasting=False),
            )
            for n, name in enumerate(names)
        },
    )


def test_by_default_the_table_has_the_facts_that_differ() -> None:
    assert matrix_lines(a_check()) == [
        "                 gpu-01       gpu-02       gpu-03",
        "drivers",
        "  driver         580.65.06  ~ 580.82.07    580.65.06",
        "gpus",
        "  GPUs           8            8          ! 7",
        "  power limit  ? 300 W        700 W        700 W",
        "! blocks   ~ drift   ? warning",
    ]


def test_all_of_it_has_every_fact_below_its_area() -> None:
    assert matrix_lines(a_check(), everything=True) == [
        "                 gpu-01                gpu-02                gpu-03",
        "drivers",
        "  driver         580.65.06           ~ 580.82.07             580.65.06",
        "gpus",
        "  GPUs           8                     8                   ! 7",
        "  GPU model      NVIDIA H100 80GB …    NVIDIA H100 80GB …    NVIDIA H100 80GB …",
        "  power limit  ? 300 W                 700 W                 700 W",
        "system",
        "  uptime         1 days                2 days                3 days",
        "! blocks   ~ drift   ? warning",
    ]


def test_of_two_hundred_hosts_those_that_are_equal_share_a_column() -> None:
    assert matrix_lines(many(200)) == [
        "            the other 199    gpu-007",
        "drivers",
        "  driver    580.65.06      ~ 580.82.07",
        "~ drift",
    ]


def test_hosts_that_stand_side_by_side_are_named_from_to() -> None:
    names = matrix_lines(many(9, odd="gpu-009"))[0]
    assert names.split() == ["gpu-001", "…", "gpu-008", "(8)", "gpu-009"]


def test_two_hosts_of_one_column_are_named_both() -> None:
    report = a_check()
    same, *_ = report.known.values()
    names = ("gpu-01", "gpu-02", *(f"gpu-{n:02}" for n in range(3, 12)))
    known = {n: tuple(replace(k, value="other") if n in names[:2] else k for k in same) for n in names}
    hosts = tuple(HostReport(name, "ok", (), (), 0.1) for name in names)
    report = replace(report, hosts=hosts, known=known, findings=())
    assert "gpu-01, gpu-02" in matrix_lines(report, everything=True)[0]


def test_where_no_column_fits_each_fact_lists_its_values() -> None:
    assert matrix_lines(many(200), everything=True) == [
        "drivers",
        "  driver    580.65.06          199 hosts (gpu-001 … gpu-200)",
        "          ~ 580.82.07          gpu-007",
        "gpus",
        "  GPUs      8                  all 200 hosts",
        "system",
        *(f"  {'uptime' if n == 0 else '':6}    {n} days             gpu-00{n + 1}" for n in range(8)),
        "            …                  192 other values",
        "~ drift",
    ]


def test_a_value_beside_a_finding_is_not_cut() -> None:
    """The end may be what differs."""
    kernels = {host: f"6.8.0-1015-nvidia-lowlatency-64k+{host[-1]}" for host in HOSTS}
    known = {host: (Known("system", "kernel", kernel),) for host, kernel in kernels.items()}
    findings = (a_finding("gpu-02", area="system", fact="kernel", found=kernels["gpu-02"]),)
    assert matrix_lines(a_check(known=known, findings=findings)) == [
        "system",
        "  kernel  ~ 6.8.0-1015-nvidia-lowlatency-64k+2   gpu-02",
        "            6.8.0-1015-nvidia-lowlatency-64k+1   gpu-01",
        "            6.8.0-1015-nvidia-lowlatency-64k+3   gpu-03",
        "~ drift",
    ]


def test_one_host_has_nobody_to_be_compared_with() -> None:
    alone = a_check(hosts=(HostReport("gpu-03", "drift", (), (), 0.4),), findings=(a_missing_gpu(),))
    assert matrix_lines(alone) == []
    assert matrix_lines(alone, everything=True)[:5] == [
        "                 gpu-03",
        "drivers",
        "  driver         580.65.06",
        "gpus",
        "  GPUs         ! 7",
    ]


def test_where_nothing_differs_there_is_no_table() -> None:
    assert matrix_lines(a_sound_check()) == []


def test_a_fact_that_a_host_lacks_is_a_dash_or_what_was_found_instead() -> None:
    known = {host: known_of(host) for host in HOSTS} | {"gpu-02": (Known("gpus", "GPUs", "8"),)}
    assert "  driver         580.65.06  ~ 580.82.07    580.65.06" in matrix_lines(a_check(known=known))
    sound = matrix_lines(a_sound_check(known=known), everything=True)
    assert any(line.split() == ["driver", OLD, "-", OLD] for line in sound)


def test_the_worst_of_two_findings_on_a_cell_marks_it() -> None:
    twice = a_check(findings=(a_finding(severity=Severity.NOTE), a_finding(severity=Severity.BLOCKS)))
    assert "! 580.82.07" in matrix_lines(twice)[2]


def test_a_host_that_was_not_reached_has_no_column() -> None:
    known = {host: known_of(host) for host in HOSTS[:2]}
    assert "gpu-03" not in matrix_lines(a_check(known=known))[0]
    assert matrix_lines(a_check(known={}), everything=True) == []


def test_colour_changes_nothing_but_colour() -> None:
    coloured = "\n".join(matrix_lines(a_check(), Paint(True)))
    assert "\x1b[33m~ 580.82.07\x1b[0m" in coloured


words = st.text(st.characters(codec="utf-8"), max_size=60)


def test_what_was_asked_for_is_shown_although_nothing_is_found() -> None:
    ways = {
        "gpu-01": (Known("network", "MTU", "9000"), Known("network", "from gpu-02", "0.1 ms", asked=True)),
        "gpu-02": (Known("network", "MTU", "9000"), Known("network", "from gpu-02", "·", asked=True)),
    }
    assert matrix_lines(a_sound_check(known=ways)) == [
        "                 gpu-01    gpu-02",
        "network",
        "  from gpu-02    0.1 ms    ·",
    ]


@example({"0000000000000\x1f\x1f\x1f\x1f\x1f\u2d68": "00000000000\x1f\x1f\x1f\x1f\x1f"}, 9, 72)
@given(st.dictionaries(words, words, max_size=6), st.integers(1, 40), st.integers(40, 140))
def test_no_value_breaks_a_line_or_the_width(facts: dict[str, str], number: int, width: int) -> None:
    names = [f"h{n}" for n in range(number)]
    known = {n: tuple(Known("gpus", fact, f"{value}{n[-1]}") for fact, value in facts.items()) for n in names}
    report = a_check(hosts=tuple(HostReport(n, "ok", (), (), 0.1) for n in names), known=known, findings=())
    for line in matrix_lines(report, everything=True, width=width):
        assert "\n" not in line
        assert "\x1b" not in line
        assert cells(line) <= max(width, 80)
