"""What a look says as a whole: the one word, and the exit code."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "render"))

from status_samples import HOLDER, a_host, a_service, a_status, an_unreachable_host

from provision.core.errors import SudoRefused
from provision.core.exits import Exit
from provision.render.status import status_lines, verdict


def test_all_well() -> None:
    seen = a_status()
    assert (seen.exit_code, seen.check, seen.healthy, seen.wrong) == (Exit.DONE, "not looked at", True, ())


def test_a_service_that_should_run_and_does_not() -> None:
    seen = a_status(hosts=(a_host(services=(a_service("ray"),)), a_host("gpu-02", "worker")))
    assert (seen.exit_code, seen.check) == (Exit.NO, "drift")
    assert seen.wrong == ("vLLM on gpu-01: not running",)


def test_a_host_out_of_reach_counts_before_all_else() -> None:
    seen = a_status(hosts=(a_host(busy=True, holder=HOLDER), an_unreachable_host()))
    assert (seen.exit_code, seen.check, seen.healthy) == (Exit.UNREACHABLE, "busy", False)
    assert a_status(hosts=(a_host(), an_unreachable_host())).check == "unreachable"


def test_a_host_that_was_reached_and_could_not_be_asked_is_not_called_unreachable() -> None:
    refused = replace(a_host("gpu-02", "worker"), error=SudoRefused("gpu-02", "sudo wants a password"))
    seen = a_status(hosts=(a_host(), refused))
    assert (seen.exit_code, seen.check, seen.healthy) == (Exit.FAILED, "not looked at", False)
    assert verdict(seen) == "could not be asked: gpu-02"


def test_while_another_run_is_at_work_what_is_missing_is_no_drift() -> None:
    seen = a_status(hosts=(a_host(services=(), busy=True, holder=HOLDER), a_host("gpu-02", "worker")))
    assert (seen.exit_code, seen.check) == (Exit.BUSY, "busy")


def test_a_spare_runs_nothing_and_is_well() -> None:
    spare = a_host("gpu-02", "worker", services=())
    assert a_status(hosts=(a_host(), spare), spares=1).wrong == ()
    assert a_status(hosts=(a_host(), spare)).wrong == ("Ray on gpu-02: not running",)
    broken = replace(spare, services=(a_service("ray", running=False, why="its process is gone"),))
    assert a_status(hosts=(a_host(), broken), spares=1).wrong == ("Ray on gpu-02: not running: its process is gone",)


def test_another_environment_than_the_locks_is_drift_and_an_unknown_one_is_not() -> None:
    other = replace(a_host("gpu-02", "worker"), environment="0123456789ab")
    assert a_status(hosts=(a_host(), other)).wrong == (
        "gpu-02: environment 0123456789ab, the lock here is of cc966a11bea6",
    )
    assert a_status(hosts=(a_host(), other), environment="").wrong == ()


def test_what_could_not_be_looked_at_is_not_well() -> None:
    closed = a_host("gpu-02", "worker", services=(), services_unknown="not safe: /srv (mode 777, owner eve)")
    assert a_status(hosts=(a_host(), closed)).wrong == ("gpu-02: not safe: /srv (mode 777, owner eve)",)


def test_a_former_member_that_still_runs_something_is_not_well() -> None:
    former = a_host("gpu-03", "worker")
    seen = a_status(former=(former,))
    assert (seen.exit_code, seen.check) == (Exit.NO, "drift")
    assert seen.wrong == (
        "gpu-03 (10.0.0.3) is no longer in the inventory and still runs Ray: `provision up` stops that",
    )
    assert a_status(former=(replace(former, services=()),)).healthy


def test_that_there_may_be_more_of_them_is_said() -> None:
    said = " ".join("\n".join(status_lines(a_status(former_untold="`members.json` is damaged"))).split())
    assert "who else belonged to it is not known: `members.json` is damaged" in said


def test_of_a_former_member_that_cannot_be_looked_at_that_is_said() -> None:
    seen = a_status(former=(replace(an_unreachable_host(), name="gpu-03"),))
    assert seen.healthy and seen.exit_code == Exit.DONE
    said = " ".join("\n".join(status_lines(seen)).split())
    assert "gpu-03 (10.0.0.2) was one; whether anything still runs there is not known: no answer from" in said
