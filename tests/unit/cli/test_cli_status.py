"""`status` from the command line: exit codes, what is printed where, and the page."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

sys.path.insert(0, str(Path(__file__).parents[1] / "render"))

from status_samples import a_host, a_status, an_unreachable_host

from provision.operate.looking import Looker
from provision.operate.status import ClusterStatus

GONE = a_status(hosts=(a_host(), an_unreachable_host()))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> Callable[[ClusterStatus], None]:
    return lambda status: monkeypatch.setattr(Looker, "look", lambda _: status)


def test_it_ends_with_what_was_seen(call: Callable[..., Result], seen: Callable[[ClusterStatus], None]) -> None:
    seen(a_status())
    assert call("status").exit_code == 0
    seen(GONE)
    result = call("status")
    assert result.exit_code == 4 and "unreachable: gpu-02" in result.stdout


def test_json_is_one_line_with_all_of_it(call: Callable[..., Result], seen: Callable[[ClusterStatus], None]) -> None:
    seen(GONE)
    line = json.loads(call("status", "--json").stdout)
    assert (line["event"], line["exit_code"], line["check"]) == ("status", 4, "unreachable")
    assert line["hosts"][1]["error"] == "no answer from `10.0.0.2`" and line["hosts"][0]["gpus"][0]["watts"] == 350.0


def test_the_page_is_written_whole_and_a_place_without_a_folder_is_wrong_usage(
    call: Callable[..., Result], seen: Callable[[ClusterStatus], None], folder: Path
) -> None:
    seen(a_status())
    assert call("status", "--html", "a.html").exit_code == 0
    assert (folder / "a.html").read_text().startswith("<!doctype html>")
    assert call("status", "--html", "none/a.html").exit_code == 2


def test_it_leaves_no_log_so_that_those_of_up_stay(
    call: Callable[..., Result], seen: Callable[[ClusterStatus], None], tmp_path: Path
) -> None:
    seen(a_status())
    call("status")
    assert not list(tmp_path.rglob("*.log"))
