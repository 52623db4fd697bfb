"""`bundle` and `check --from` from the command line: what is in the file, and what is shown of it without any host."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

sys.path.insert(0, str(Path(__file__).parents[1] / "render"))

from status_samples import a_status

from provision import api
from provision.core.errors import ConnectTimeout, UsageError
from provision.core.finding import Finding, Known, Severity
from provision.core.plan import Mode
from provision.core.report import HostReport, Report
from provision.diagnosis.archive import read_bundle
from provision.operate import logs as reading
from provision.operate import looking
from provision.operate.log_lines import LogLine
from provision.operate.logs import Logs

FINDING = Finding("gpu-01", "drivers", "driver", Severity.DRIFT, "590.1", "580.1", why="s3cr3t-t0ken-9x is no word")
GONE = ConnectTimeout("gpu-02", "no answer from `192.0.2.2`")


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> None:
    monkeypatch.setenv("SOME_TOKEN", "s3cr3t-t0ken-9x")
    inventory.write_text(inventory.read_text() + "secrets: {HF_TOKEN: {env: SOME_TOKEN}}\n")
    report = Report(
        "check",
        Mode.CHECK,
        None,
        (HostReport("gpu-01", "drift", (), (), 1.0), HostReport("gpu-02", "failed", (), (GONE,), 1.0)),
        errors=(GONE,),
        findings=(FINDING,),
        known={"gpu-01": (Known("drivers", "driver", "590.1"),)},
        exit_code=4,
    )
    line = LogLine("gpu-01", "vllm", "/x/log", "token s3cr3t-t0ken-9x of https://me:pw@x.example/", None, "info")
    monkeypatch.setattr(api, "check", lambda *_, **__: report)
    monkeypatch.setattr(looking, "status", lambda *_, **__: a_status())
    monkeypatch.setattr(reading, "logs", lambda *_, **__: Logs((line,), (), (GONE,)))


def test_a_broken_lock_is_in_it_with_all_that_is_known_without_it(call: Callable[..., Result], inventory: Path) -> None:
    text = (
        inventory.read_text().replace("192.0.2.1,", "127.0.0.9, ssh: {port: 1},").replace("  gpu-02: 192.0.2.2\n", "")
    )
    inventory.write_text(text + "python: {packages: [vllm==0.33.0]}\n")
    Path("inventory.lock").write_text("<<<<<<< HEAD\n")
    result = call("bundle", "--out", "t.tar.gz")
    files = read_bundle(Path("t.tar.gz"))
    assert result.exit_code == 4 and files["inventory.lock"] == "<<<<<<< HEAD\n"
    said = " ".join(files["check.txt"].split())
    assert "inventory.lock:1: `<<<<<<< HEAD` is a merge conflict that is not settled: going on without a lock" in said
    assert f"hint: `provision lock {inventory.name}` writes it anew" in said and "there is no lock" not in said
    assert files["not-asked.txt"].count("error:") == 1, "the host that did not answer, once"


def test_it_lists_what_it_writes_and_masks_every_secret(call: Callable[..., Result], hosts: None) -> None:
    result = call("bundle", "--out", "t.tar.gz", "--json")
    assert result.exit_code == 4
    said = json.loads(result.stdout.splitlines()[-1])
    files = read_bundle(Path("t.tar.gz"))
    assert {*said["files"]} == {*files} and said["bytes"] == Path("t.tar.gz").stat().st_size
    for name in files:
        assert name in result.stderr
    assert not [name for name, text in files.items() if "s3cr3t" in text or "me:pw" in text]
    assert "SOME_TOKEN" in files["inventory.json"] and "no answer from" in files["not-asked.txt"]
    assert files["logs/gpu-01/vllm.log"].startswith("token ****")
    assert json.loads(files["manifest.json"])["cluster"] == "llama"


def test_the_check_of_a_bundle_is_shown_again_and_ends_as_it_did(
    call: Callable[..., Result], hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("bundle", "--out", "t.tar.gz")
    monkeypatch.setattr(api, "load", lambda *_, **__: pytest.fail("an inventory was read"))
    result = call("check", "--from", "t.tar.gz")
    assert result.exit_code == 4
    assert "of cluster llama; no host was contacted" in result.stdout
    assert "drift: gpu-01: driver is `590.1`, the inventory expects `580.1`" in result.stdout
    assert "gpu-02: no answer from" in result.stderr
    again: Any = json.loads(call("check", "--from", "t.tar.gz", "--json").stdout.splitlines()[-1])
    assert again["report"]["findings"][0]["fact"] == "driver" and again["report"]["exit_code"] == 4
    assert call("check", "--from", "t.tar.gz", "--since-up").exit_code == 2
    assert call("check", "other.yaml", "--from", "t.tar.gz").exit_code == 2


def test_a_file_that_exists_is_refused_before_any_host_is_asked(
    call: Callable[..., Result], hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("t.tar.gz").write_text("kept")
    monkeypatch.setattr(api, "check", lambda *_, **__: pytest.fail("a host was asked"))
    result = call("bundle", "--out", "t.tar.gz")
    assert result.exit_code == 2 and "is not written over" in result.stderr
    assert Path("t.tar.gz").read_text() == "kept"


def test_what_cannot_be_asked_is_missing_and_the_rest_is_written(
    call: Callable[..., Result], hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(*_: object, **__: object) -> Report:
        raise UsageError("the playbook is broken")

    monkeypatch.setattr(api, "check", check)
    monkeypatch.setattr(reading, "logs", lambda *_, **__: Logs((), (), ()))
    result = call("bundle", "--out", "t.tar.gz")
    files = read_bundle(Path("t.tar.gz"))
    assert result.exit_code == 1 and "report.json" not in files and "the playbook is broken" in files["not-asked.txt"]
    shown = call("check", "--from", "t.tar.gz")
    assert shown.exit_code == 1 and "holds nothing that `check` found" in shown.stderr
