"""What `check` makes of its options. The library is replaced: it opens connections."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision import api
from provision.core.files import write_whole
from provision.core.finding import AREAS, Against, Finding, Known, Severity
from provision.core.plan import Mode, make_plan
from provision.core.report import HostReport, Report
from provision.inventory.models import Inventory

Call = Callable[..., Result]


DRIFT = Finding(
    "gpu-02", "drivers", "driver", Severity.DRIFT, "580.82", "580.65", Against.PEERS, "ranks must agree", "go back"
)
WARNING = Finding("gpu-01", "gpus", "power limit", Severity.WARNING, "300 W", "700 W", Against.SOUND)


def a_report(inventory: Inventory, *findings: Finding, **changed: Any) -> Report:
    hosts = tuple(HostReport(h.name, "ok", (), (), 1.0) for h in inventory.hosts)
    known = {
        "gpu-01": (Known("drivers", "driver", "580.65"), Known("gpus", "GPUs", "8")),
        "gpu-02": (Known("drivers", "driver", "580.82"), Known("gpus", "GPUs", "8")),
    }
    values = {"findings": findings, "known": known, "exit_code": 3 if DRIFT in findings else 0, **changed}
    return Report(
        **{"command": "check", "mode": Mode.CHECK, "plan": make_plan(Mode.CHECK, [], {}), "hosts": hosts} | values
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the library was asked for; it finds nothing amiss."""
    found: list[dict[str, Any]] = []

    def answer(inventory: Inventory, **options: Any) -> Report:
        found.append(options)
        return a_report(inventory)

    for name in ("check", "up", "plan"):
        monkeypatch.setattr(api, name, answer)
    return found


def test_areas_are_named_with_commas_or_one_by_one(inventory: Path, call: Call, calls: list[Any]) -> None:
    assert call("check", "--only", "packages, drivers", "--only", "gpus").exit_code == 0
    assert calls[0]["areas"] == ("drivers", "gpus", "packages")


def test_an_area_that_there_is_not_is_named_with_those_that_there_are(
    inventory: Path, call: Call, calls: list[Any]
) -> None:
    result = call("check", "--only", "drivers,pakages")
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: --only: there is no area `pakages`; did you mean `packages`?\nhint: the areas are {', '.join(AREAS)}\n"
    )
    assert calls == []


@pytest.mark.parametrize("command", ["up", "check"])
def test_proofs_to_skip_are_named_with_commas_or_one_by_one(
    inventory: Path, call: Call, calls: list[Any], command: str
) -> None:
    assert call(command, "--skip", "network, all-reduce", "--skip", "weights").exit_code == 0
    assert calls[0]["skip"] == ("network", "all-reduce", "weights")


@pytest.mark.parametrize("command", ["up", "check"])
def test_a_proof_that_there_is_not_is_named_with_those_that_there_are(
    inventory: Path, call: Call, calls: list[Any], command: str
) -> None:
    result = call(command, "--skip", "allreduce")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --skip: there is no proof `allreduce`; did you mean `all-reduce`?\n"
        "hint: they are network, all-reduce, weights, arguments\n"
    )
    assert calls == []


@pytest.mark.parametrize("command", ["up", "check"])
def test_which_proofs_a_playbook_has_is_left_to_the_run(
    inventory: Path, call: Call, calls: list[Any], command: str
) -> None:
    assert call(command, "--playbook", "mine.py", "--skip", "same-address").exit_code == 0
    assert calls[0]["skip"] == ("same-address",)


def test_check_proves_only_when_asked_to(inventory: Path, call: Call, calls: list[Any]) -> None:
    call("check")
    call("check", "--prove")
    call("check", "--network")  # its old name
    assert [asked.get("prove", False) for asked in calls] == [False, True, True]


def test_help_has_the_new_name_of_the_option_that_proves(call: Call) -> None:
    shown = call("check", "--help").stdout
    assert "--prove" in shown
    assert "--network" not in shown


@pytest.mark.parametrize("areas", ["", ",", " , "])
def test_no_area_is_not_all_areas(inventory: Path, call: Call, calls: list[Any], areas: str) -> None:
    assert call("check", "--only", areas).exit_code == 2
    assert calls == []


def test_tests_of_ones_own_are_run_whatever_else_is_looked_at(
    inventory: Path, call: Call, calls: list[Any], folder: Path
) -> None:
    (folder / "mine").mkdir()
    call("check", "--tests", "mine", "--only", "gpus")
    call("check", "--tests", "mine", "--only", "tests")
    call("check", "--tests", "mine")
    assert [c.get("areas") for c in calls] == [("gpus", "tests"), ("tests",), None]


def test_to_look_at_nothing_is_not_to_find_nothing(inventory: Path, call: Call, calls: list[Any]) -> None:
    result = call("check", "--only", "tests")
    assert result.exit_code == 2
    assert result.stderr == "error: --only tests: there are none\nhint: name their folder with --tests DIR\n"
    assert calls == []


def test_what_is_not_asked_for_is_not_passed_on(inventory: Path, call: Call, calls: list[Any]) -> None:
    call("check")
    assert calls[0].keys() == {"playbook", "limit", "listener", "cancel", "sudo_password"}


def test_wishes_reach_the_library(inventory: Path, call: Call, calls: list[Any], folder: Path) -> None:
    (folder / "mine").mkdir()
    call("check", "--deep", "--save", "new.json", "--against", "old.json", "--tests", "mine")
    assert {key: calls[0][key] for key in ("deep", "save", "against", "tests")} == {
        "deep": True, "save": Path("new.json"), "against": Path("old.json"), "tests": Path("mine"),
    }  # fmt: skip
    call("check", "--since-up")
    assert calls[1]["since_up"] is True


@pytest.mark.parametrize("command", ["up", "plan"])
def test_up_and_plan_look_as_deep(inventory: Path, call: Call, calls: list[Any], command: str) -> None:
    call(command)
    call(command, "--deep")
    assert "deep" not in calls[0]
    assert calls[1]["deep"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--html", "nowhere/a.html"], "--html: there is no folder `nowhere`"),
        (["--junit", "nowhere/a.xml"], "--junit: there is no folder `nowhere`"),
        (["--save", "nowhere/a.json"], "--save: there is no folder `nowhere`"),
        (["--html", "."], "--html: `.` is a folder"),
        (["--tests", "mine"], "`mine` does not exist"),
        (["--against", "inventory.yaml", "--since-up"], "--against and --since-up contradict each other"),
    ],
)
def test_a_path_that_will_not_do_is_said_before_any_host_is_contacted(
    inventory: Path, call: Call, calls: list[Any], arguments: list[str], message: str
) -> None:
    result = call("check", *arguments, "--json")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == f"error: {message}"
    assert json.loads(result.stdout)["error"]["message"] == message
    assert calls == []


def test_the_files_asked_for_are_written(inventory: Path, call: Call, calls: list[Any], folder: Path) -> None:
    assert call("check", "--junit", "a.xml").exit_code == 0
    assert (folder / "a.xml").read_text().startswith("<?xml")


@pytest.mark.parametrize(("option", "begins"), [("--html", "<!doctype html>"), ("--junit", "<?xml ")])
def test_a_dash_is_standard_output_and_all_else_goes_to_standard_error(
    inventory: Path, call: Call, calls: list[Any], option: str, begins: str
) -> None:
    result = call("check", option, "-")
    assert result.exit_code == 0
    assert result.stdout.lower().startswith(begins) and "gpu-01" not in result.stdout.partition("\n")[0]
    assert "in sync" in result.stderr and "in sync (" not in result.stdout
    assert not Path("-").exists()


@pytest.mark.parametrize("more", [["--json"], ["--junit", "-"]])
def test_standard_output_is_for_one_of_them(inventory: Path, call: Call, calls: list[Any], more: list[str]) -> None:
    result = call("check", "--html", "-", *more)
    assert result.exit_code == 2
    assert "only one of --json, --junit - and --html - can have standard output" in result.stderr
    assert calls == []


def test_a_snapshot_is_not_called_dash(inventory: Path, call: Call) -> None:
    result = call("check", "--save", "-")
    assert result.exit_code != 0 and "`-` is not the name of a file" in result.stderr
    assert not Path("-").exists()


def test_a_file_that_cannot_be_written_is_an_error_and_hides_nothing(
    inventory: Path, call: Call, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provision.cli.report_files.write_whole", full)
    result = call("check", "--junit", "a.xml", "--json")
    assert result.exit_code == 1
    assert "error: `a.xml` cannot be written: No space left on device" in result.stderr
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["event"] == "report"
    assert last["report"]["exit_code"] == 1


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "real.xml").write_text("old")
    (tmp_path / "real.xml").chmod(0o640)
    (tmp_path / "link.xml").symlink_to("real.xml")
    write_whole(tmp_path / "link.xml", "neu: ü")
    assert (tmp_path / "link.xml").is_symlink()
    assert (tmp_path / "real.xml").read_text(encoding="utf-8") == "neu: ü"
    assert (tmp_path / "real.xml").stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.xml", "real.xml"]


def test_where_writing_fails_half_way_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.xml").write_text("old")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a.xml", "new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_what_is_no_ordinary_file_is_written_to_and_not_replaced() -> None:
    write_whole(Path("/dev/null"), "text")
    assert not Path("/dev/null").is_file()


@pytest.fixture
def drifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that finds one drift and one warning, whatever it is asked."""
    for name in ("check", "up", "plan"):
        monkeypatch.setattr(api, name, lambda inventory, _=name, **__: a_report(inventory, DRIFT, WARNING, command=_))


def test_what_was_found_is_shown_worst_first(inventory: Path, call: Call, drifted: None) -> None:
    result = call("check")
    assert result.exit_code == 3
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "",
        "host    status  findings  seconds",
        "gpu-01  ok             1      1.0",
        "gpu-02  ok             1      1.0",
        "",
        "            gpu-01    gpu-02",
        "drivers",
        "  driver    580.65  ~ 580.82",
        "~ drift",
        "",
        "drift: gpu-02: driver is `580.82`, the other hosts have `580.65`",
        "  why: ranks must agree",
        "hint: go back",
        "",
        "warning: gpu-01: power limit is `300 W`, should be `700 W`",
        "",
        "check: 1 drift, 1 warning (2 hosts, 0.0 s)",
    ]


def test_all_of_it_is_shown_if_asked_for(inventory: Path, call: Call, drifted: None) -> None:
    assert "  GPUs      8         8" in call("check", "--all").stdout.splitlines()


def test_a_quiet_check_says_what_makes_its_exit_code(inventory: Path, call: Call, drifted: None) -> None:
    result = call("check", "-q")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == "drift: gpu-02: driver is `580.82`, the other hosts have `580.65`\n"


@pytest.mark.parametrize("command", ["up", "plan"])
def test_up_and_plan_have_one_line_for_a_warning(inventory: Path, call: Call, drifted: None, command: str) -> None:
    lines = call(command).stdout.splitlines()
    assert lines.count("warning: gpu-01: power limit is `300 W`, should be `700 W`") == 1
    assert not any("driver" in line for line in lines)


def test_the_log_holds_what_was_found(inventory: Path, call: Call, drifted: None, tmp_path: Path) -> None:
    call("check", "-q")
    (log,) = (tmp_path / "state").rglob("*.log")
    assert "drift: gpu-02: driver is `580.82`" in log.read_text()
