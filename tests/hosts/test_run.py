"""The library over real sshds, with playbooks of a user's own."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import bytecode
import pytest
from engine import written
from loopback import Sshds, processes_with, wait_until
from own_playbooks import SECOND_FAILS, WORKS, Here

import provision
from provision.core.errors import NotConverged, PortClosed, ScriptFailed
from provision.core.events import Event, Failed, HostDone, Planned, Progress, RunDone, RunStarted, StepDone, StepSkipped
from provision.inventory.models import Host, SecretSource

pytestmark = pytest.mark.hosts


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def make_here(make_host: Callable[..., Host], tmp_path: Path) -> Callable[[int], Here]:
    return lambda count: Here(tmp_path, [make_host() for _ in range(count)])


@pytest.fixture
def here(make_here: Callable[[int], Here]) -> Here:
    return make_here(2)


def test_a_resource_of_the_playbook_file_goes_up_stays_and_goes_down(here: Here) -> None:
    mine = here.playbook()
    first = provision.up(here.inventory, **here.options(mine))
    assert (first.exit_code, [host.changes for host in first.hosts]) == (0, [("marker",), ("marker",)])
    assert here.made == ["host-1", "host-2"]
    again = provision.up(here.inventory, **here.options(mine))
    assert (again.exit_code, [host.status for host in again.hosts]) == (0, ["ok", "ok"])
    assert [host.commands for host in again.hosts] == [2, 2]
    assert provision.check(here.inventory, **here.options(mine)).ok
    assert provision.down(here.inventory, **here.options(mine)).ok
    assert here.made == []
    assert provision.down(here.inventory, **here.options(mine)).hosts[0].status == "ok"


def test_plan_and_check_write_nothing_on_hosts_or_beside_the_inventory(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytecode.kept(monkeypatch)
    mine = here.playbook()
    before = (written(here.kept), sorted(here.folder.iterdir()))
    for look in (provision.plan, provision.check):
        report = look(here.inventory, **here.options(mine))
        assert (report.exit_code, report.hosts[0].status, report.hosts[0].changes) == (3, "drift", ("marker",))
    assert (written(here.kept), sorted(here.folder.iterdir())) == before


def test_what_a_resource_imports_late_leaves_nothing_beside_the_playbook(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytecode.kept(monkeypatch)
    monkeypatch.syspath_prepend(here.folder)
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)
    (here.folder / "imported_late.py").write_text("TEXT = 'here'\n")
    mine = here.playbook()
    wanted = 'return {"text": "here"}'
    text = mine.read_text()
    assert wanted in text
    mine.write_text(text.replace(wanted, 'import imported_late; return {"text": imported_late.TEXT}'))
    before = sorted(here.folder.glob("*"))
    for run in (provision.plan, provision.check, provision.up, provision.down):
        assert not run(here.inventory, **here.options(mine)).errors
    state = {here.folder / "state"}
    assert {*here.folder.glob("*")} - state == {*before} - state


def test_a_host_that_fails_does_not_hide_what_became_of_the_others(make_here: Callable[[int], Here]) -> None:
    here = make_here(3)
    report = provision.up(here.inventory, **here.options(here.playbook(SECOND_FAILS)))
    assert report.exit_code == 1
    assert [host.status for host in report.hosts] == ["changed", "failed", "changed"]
    assert here.made == ["host-1", "host-3"]
    (error,) = report.errors
    assert isinstance(error, ScriptFailed)
    assert (error.host, error.evidence) == ("host-2", ("host-2 has no luck",))


def test_what_needs_a_failed_step_is_skipped_and_told_which_one(make_here: Callable[[int], Here]) -> None:
    here = make_here(3)
    chain = here.playbook(SECOND_FAILS, edges=", after=book.steps[-1:]")
    report = provision.up(here.inventory, **here.options(chain))
    assert [host.status for host in report.hosts] == ["changed", "failed", "skipped"]
    (skipped,) = (e for e in here.events if isinstance(e, StepSkipped))
    assert (skipped.host, skipped.why) == ("host-3", "needs marker on host-2, which failed")
    assert report.exit_code == 1


def test_a_fix_that_does_not_fix_is_told_with_what_is_still_different(here: Here) -> None:
    report = provision.up(here.inventory, **here.options(here.playbook('printf gone > "$path"')))
    assert report.exit_code == 1
    error = report.errors[0]
    assert isinstance(error, NotConverged)
    assert error.evidence == ("text gone → here",)
    assert [e for e in here.events if isinstance(e, StepDone)] == []


#: The first resource of a host asks once for another try, and counts them; a second one comes after it.
ASKS_AGAIN = """
from dataclasses import dataclass

from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.script import Script


@dataclass(frozen=True)
class Marker(Resource):
    path: str
    enough: int

    @property
    def id(self):
        return "marker:" + self.path

    def want(self):
        return {{"tries": str(self.enough)}}

    def probe(self):
        return Script('[ ! -f "$path" ] || echo "tries=$(wc -c < "$path")"', {{"path": self.path}})

    def fix(self, have, want):
        known = (have or {{}}).get("known", "")
        body = 'printf 1 >> "$path"; [ -n "$known" ] || [ "$enough" = 1 ] || exit 9; [ "$enough" != 3 ] || exit 9'
        return Script(body, {{"path": self.path, "known": known, "enough": self.enough}})

    def resumed(self, have, failed):
        return {{"known": "yes"}} if failed.rc == 9 else None


def playbook(cluster):
    book = Playbook()
    for node in cluster.nodes:
        book.add(Marker(f"{{node.root}}/marker-{{node.name}}", {enough}), on=node.name)
        book.add(Marker(f"{{node.root}}/marker-after-{{node.name}}", 1), on=node.name)
    return book
"""


def test_a_fix_that_asks_for_it_is_tried_once_more_with_what_it_said(make_here: Callable[[int], Here]) -> None:
    here = make_here(1)
    here.kept.mkdir(exist_ok=True)
    report = provision.up(here.inventory, **here.options(here.file(ASKS_AGAIN.format(enough=2))))
    assert (report.exit_code, here.made) == (0, ["after-host-1", "host-1"]), report
    assert [e.label for e in here.events if isinstance(e, StepDone)] == [
        f"marker:{here.kept}/marker-host-1",
        f"marker:{here.kept}/marker-after-host-1",
    ]
    for path in here.kept.glob("marker-*"):
        path.unlink()
    report = provision.up(here.inventory, **here.options(here.file(ASKS_AGAIN.format(enough=3))))
    assert (report.exit_code, here.made) == (1, ["host-1"])
    assert (here.kept / "marker-host-1").read_text() == "11", "it was tried more than twice, or once"


def test_what_stands_in_the_way_on_one_host_stops_all_before_any_is_changed(here: Here) -> None:
    blocked = here.playbook(body='book.block("is on fire", host="host-2", hint="put it out")')
    report = provision.up(here.inventory, **here.options(blocked))
    assert (report.exit_code, here.made) == (1, [])
    assert report.hosts[1].status == "blocked"
    assert provision.check(here.inventory, **here.options(blocked)).exit_code == 3
    assert provision.down(here.inventory, **here.options(blocked)).exit_code == 0


def test_down_takes_away_what_it_can_where_something_fails(here: Here) -> None:
    more = "[book.add(Marker(f'{node.root}/marker-more', node.name), on=node.name) for node in cluster.nodes[:1]]"
    mine = here.playbook(body=more.replace("Marker(", "type('More', (Marker,), {'id': 'more'})("))
    assert provision.up(here.inventory, **here.options(mine)).ok
    broken = (
        Path(str(mine))
        .read_text()
        .replace("""'rm -f "$path"' if want""", """'[ "${path%-1}" = "$path" ] && rm -f "$path"' if want""")
    )
    report = provision.down(here.inventory, **here.options(here.file(broken)))
    assert report.exit_code == 1
    assert here.made == ["host-1"]
    assert report.hosts[0].changes == ("more",)


def test_an_unreachable_host_is_code_4_and_the_others_are_still_looked_at(here: Here, sshds: Sshds) -> None:
    mine = here.playbook()
    sshds.running[1].stop()
    report = provision.check(here.inventory, **here.options(mine))
    assert report.exit_code == 4
    assert [host.status for host in report.hosts] == ["drift", "unreachable"]
    assert isinstance(report.errors[0], PortClosed)

    report = provision.up(here.inventory, **here.options(mine))
    assert (report.exit_code, here.made) == (4, [])
    report = provision.up(here.inventory, **here.options(mine, limit=["host-1"]))
    assert (report.exit_code, here.made) == (0, ["host-1"])
    assert provision.down(here.inventory, **here.options(mine)).exit_code == 4
    assert here.made == []


def test_a_limit_contacts_these_hosts_alone(here: Here, sshds: Sshds) -> None:
    mine = here.playbook()
    logins = sshds.running[0].logins
    report = provision.up(here.inventory, **here.options(mine, limit=["host-2"]))
    assert (report.exit_code, here.made) == (0, ["host-2"])
    assert [host.name for host in report.hosts] == ["host-2"]
    assert sshds.running[0].logins == logins


def test_whoever_listens_hears_all_of_it_one_event_at_a_time_and_nothing_is_printed(
    here: Here, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = threading.Lock()
    overlaps = []

    def listen(event: Event) -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(event)
            return
        time.sleep(0.005)
        here.events.append(event)
        inside.release()

    provision.up(here.inventory, **here.options(here.playbook(), listener=listen))
    assert overlaps == []
    assert isinstance(here.events[0], RunStarted)
    assert isinstance(here.events[-1], RunDone)
    for kind in (Planned, StepDone, HostDone):
        assert any(isinstance(event, kind) for event in here.events)
    assert capfd.readouterr() == ("", "")


def test_two_runs_at_once_in_one_program_do_not_meet(
    make_host: Callable[..., Host], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hosts = [make_host(), make_host()]
    places = []
    for host in hosts:
        folder = tmp_path / host.name
        folder.mkdir()
        places.append(Here(folder, [host], cluster=f"of-{host.name}"))
    environment, folder, level = dict(os.environ), Path.cwd(), logging.getLogger().level
    reports = []

    def go(place: Here) -> None:
        reports.append(provision.up(place.inventory, **place.options(place.playbook())))

    threads = [threading.Thread(target=go, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [report.exit_code for report in reports] == [0, 0]
    for place, host in zip(places, hosts, strict=True):
        assert place.made == [host.name]
        assert {event.host for event in place.events} == {"", host.name}
    assert (dict(os.environ), Path.cwd(), logging.getLogger().level) == (environment, folder, level)
    assert capfd.readouterr() == ("", "")


def test_a_cancel_from_another_thread_ends_the_run_and_every_remote_process(here: Here) -> None:
    tag = f"cancel-{threading.get_native_id()}-{time.monotonic_ns()}"
    cancel = threading.Event()
    begun = threading.Event()

    def listen(event: Event) -> None:
        here.events.append(event)
        if isinstance(event, Progress) and event.text == "begun":
            begun.set()

    slow = here.playbook(f"echo '::progress begun'; sh -c 'while :; do sleep 0.1; done' {tag}")
    reports = []

    def go() -> None:
        reports.append(provision.up(here.inventory, **here.options(slow, listener=listen, cancel=cancel)))

    run = threading.Thread(target=go)
    run.start()
    assert begun.wait(30)
    cancel.set()
    run.join(30)
    assert not run.is_alive()
    assert reports[0].exit_code == 1
    assert wait_until(lambda: not processes_with(tag))
    assert {e.why for e in here.events if isinstance(e, StepSkipped)} == {"cancelled"}


def test_a_connection_that_breaks_is_told_with_the_step_it_broke_in(here: Here, sshds: Sshds) -> None:
    tag = f"broken-{threading.get_native_id()}-{time.monotonic_ns()}"
    slow = f"echo '::progress begun'; sh -c 'while :; do sleep 0.1; done' {tag}"
    first = "book.add(type('First', (Marker,), {'id': 'first'})(f'{cluster.head.root}/marker-first', ''), on='host-1')"
    fix = f"case $path in *-first | *-2) {WORKS} ;; *) {slow} ;; esac"

    def listen(event: Event) -> None:
        here.events.append(event)
        if isinstance(event, Progress) and event.text == "begun":
            for pid in sshds.running[0].connections():
                os.kill(pid, signal.SIGKILL)

    report = provision.up(here.inventory, **here.options(here.playbook(fix, body=first), listener=listen))
    assert report.exit_code == 1
    assert [host.status for host in report.hosts] == ["failed", "changed"]
    (failed,) = (e for e in here.events if isinstance(e, Failed))
    assert (failed.kind, failed.step) == ("ConnectionLost", "host-1/marker")
    assert [e for e in here.events if isinstance(e, StepSkipped)] == []
    assert here.made == ["first", "host-2"]
    assert wait_until(lambda: not processes_with(tag))


def test_a_secret_is_in_no_event_report_exception_or_log_line(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "canary-2b9d"
    monkeypatch.setenv("CANARY", canary)
    inventory = here.inventory.model_copy(update={"secrets": {"CANARY": SecretSource(env="CANARY")}})
    loud = 'echo "$secret"; echo "::progress $secret"; echo "::note $secret"; echo "no: $secret" >&2; exit 1'
    text = here.playbook(loud).read_text().replace('"host": self.host}', '"host": self.host, "secret": SECRET[0]}')
    text = text.replace("FIX =", "SECRET = []\nFIX =").replace(
        "    pass\n", "    SECRET.append(cluster.secrets['CANARY'])\n"
    )
    with caplog.at_level(logging.DEBUG):
        report = provision.up(inventory, **here.options(here.file(text)))
    assert report.exit_code == 1
    said = repr((report, here.events, [e.evidence for e in report.errors], caplog.text))
    assert "no: ********" in said
    assert canary not in said
