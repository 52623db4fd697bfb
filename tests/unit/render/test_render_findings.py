"""How findings are told. The samples are made up."""

import pytest
from check_samples import HOSTS, a_check, a_finding, a_missing_gpu, a_warning

from provision.core.finding import Against, Finding, Severity, blocker
from provision.core.plan import BY_UP, Mode, findings_of, make_plan
from provision.core.playbook import Playbook
from provision.render.findings import finding_lines, head_lines, told
from provision.render.merged import counts, entries
from provision.render.text import Paint


def test_findings_are_told_worst_first_with_why_and_what_to_do() -> None:
    assert finding_lines(a_check().findings) == [
        "blocks: gpu-03: GPUs are `7`, the inventory expects `8`",
        "  why: the model is cut into 8 parts per host, one per GPU",
        "  nvidia-smi lists indices 0-6",
        "hint: look for it: `lspci -d 10de:`, then reseat it",
        "",
        "drift: gpu-02: driver is `580.82.07`, the other hosts have `580.65.06`",
        "  why: the ranks of one model must run the same driver",
        "hint: install 580.65.06 on gpu-02",
        "",
        "warning: gpu-01: power limit is `300 W`, should be `700 W`",
        "  why: tokens come later",
    ]


def test_the_same_finding_on_several_hosts_is_told_once() -> None:
    lines = finding_lines([a_finding("gpu-02"), a_finding("gpu-05")])
    assert lines == [
        "drift: gpu-02, gpu-05: driver is `580.82.07`, the other hosts have `580.65.06`",
        "  why: the ranks of one model must run the same driver",
        "hint: install 580.65.06 on <host>",
    ]
    many = finding_lines([a_finding(f"gpu-0{n}") for n in range(1, 6)])
    assert many[0].startswith("drift: 5 hosts (gpu-01 … gpu-05): driver is ")


def test_a_host_whose_name_is_part_of_a_word_is_not_taken_out_of_it() -> None:
    (entry,) = entries([a_finding("a", hint="reboot a"), a_finding("b", hint="reboot b")])
    assert entry.text("hint") == "reboot <host>"
    assert len(entries([a_finding("a", hint="a-1 is down"), a_finding("b", hint="b-1 is down")])) == 2


def test_where_each_host_has_another_value_the_values_are_listed() -> None:
    lines = finding_lines([a_finding(f"gpu-{n}", found=f"580.{n % 2}", hint="", why="") for n in range(1, 6)])
    assert lines == [
        "drift: 5 hosts (gpu-1 … gpu-5): driver is one of 2 values, the other hosts have",
        "  `580.65.06`",
        "  `580.1` on gpu-1, gpu-3, gpu-5",
        "  `580.0` on gpu-2, gpu-4",
    ]


def test_of_two_hundred_values_the_first_are_listed() -> None:
    lines = finding_lines([a_finding(f"gpu-{n:03}", found=f"580.{n}") for n in range(200)])
    assert len(lines) < 15
    assert "  … and 192 more" in lines


def test_evidence_that_differs_says_where_it_is_from() -> None:
    held = [a_finding(host, evidence=(f"pid {pid}",)) for pid, host in enumerate(HOSTS)]
    assert "  gpu-02: pid 1" in finding_lines(held)
    same = [a_finding(host, evidence=("nvidia-smi says so",)) for host in HOSTS]
    assert finding_lines(same).count("  nvidia-smi says so") == 1


def test_what_differs_in_expectation_is_not_the_same_finding() -> None:
    assert len(entries([a_finding("gpu-02"), a_finding("gpu-05", expected="535")])) == 2
    assert len(entries([a_finding("gpu-02"), a_finding("gpu-05", against=Against.INVENTORY)])) == 2


def test_what_concerns_the_cluster_names_no_host() -> None:
    finding = blocker("", "two hosts are called `gpu-01`", ("192.0.2.1", "192.0.2.2"), "rename one")
    assert finding_lines([finding]) == [
        "blocks: two hosts are called `gpu-01`",
        "  192.0.2.1",
        "  192.0.2.2",
        "hint: rename one",
    ]


def test_a_sentence_of_its_own_is_told_with_what_it_leaves_out() -> None:
    lines = finding_lines([a_finding(said="the driver was upgraded, and not rebooted", why="", hint="")])
    assert lines == [
        "drift: gpu-02: the driver was upgraded, and not rebooted",
        "  found `580.82.07`, expected `580.65.06`",
    ]


def test_lines_are_broken_at_words_but_a_command_is_not() -> None:
    command = "`sudo apt-get install --allow-downgrades nvidia-driver-580=580.65.06-0ubuntu1`"
    lines = finding_lines(
        [a_finding(why="word " * 40, hint=f"run this on the host: {command} and reboot it")], width=80
    )
    assert all(len(line) <= 80 or command in line for line in lines)
    assert any(command in line for line in lines)
    assert lines[2].startswith("    word")


def test_a_hint_of_two_lines_is_aligned() -> None:
    assert finding_lines([a_finding(why="", hint="first\nsecond")])[1:] == ["hint: first", "      second"]


def test_that_up_fixes_it_is_left_to_the_last_line() -> None:
    assert finding_lines([a_finding(why="", hint=BY_UP)]) == [
        "drift: gpu-02: driver is `580.82.07`, the other hosts have `580.65.06`"
    ]


def test_what_a_plan_would_change_is_put_right_by_up() -> None:
    from render_samples import Thing

    book = Playbook()
    step = book.add(Thing("environment"), on="gpu-01")
    (finding,) = findings_of(make_plan(Mode.CHECK, book.steps, {step.key: None}))
    assert finding.hint == BY_UP


def test_what_a_host_printed_cannot_move_the_cursor() -> None:
    text = "\x1b[2J580\x07\r\n"
    finding = Finding("gpu-01", "drivers", "driver", Severity.NOTE, text, text, why=text, hint=text, evidence=(text,))
    assert not any("\x1b" in line or "\x07" in line for line in finding_lines([finding]))


def test_colour_repeats_the_first_word_and_nothing_else() -> None:
    lines = finding_lines([a_finding()], Paint(True))
    assert lines[0].startswith("\x1b[33mdrift:\x1b[0m gpu-02: ")
    assert lines[-1].startswith("\x1b[36mhint:\x1b[0m ")


def test_the_short_form_is_one_line_each() -> None:
    assert head_lines([a_missing_gpu(), a_finding("gpu-02"), a_finding("gpu-05")]) == [
        "blocks: gpu-03: GPUs are `7`, the inventory expects `8`",
        "drift: gpu-02, gpu-05: driver is `580.82.07`, the other hosts have `580.65.06`",
    ]


@pytest.mark.parametrize(
    ("findings", "counted"),
    [
        ([], ""),
        ([a_missing_gpu(), a_finding(), a_finding(fact="VBIOS"), a_warning()], "1 blocks, 2 drift, 1 warning"),
        ([a_warning(), a_warning("gpu-02")], "1 warning"),
        ([a_warning(), a_finding(severity=Severity.WARNING), a_finding(severity=Severity.NOTE)], "2 warnings, 1 note"),
    ],
)
def test_they_are_counted_by_severity_as_they_are_told(findings: list[Finding], counted: str) -> None:
    assert ", ".join(told(*one) for one in counts(findings).items()) == counted
