"""Whatever ends a run, nothing that it started stays: seen through /proc, not through our own code."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import processes_with, wait_until

from provision.core.errors import Cancelled, ScriptTimeout
from provision.core.script import Script
from provision.inventory.models import Host
from provision.transport import Transport

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]


@pytest.fixture
def tag() -> Iterator[str]:
    """A word for command lines, by which a test finds its processes; whatever is left is ended."""
    word = f"tag{uuid.uuid4().hex}"
    yield word
    for pid in processes_with(word):
        os.kill(pid, signal.SIGKILL)


# Each starts processes that carry $tag in their command line and then waits.
TREES = {
    "plain": 'sh -c "sleep 300; : $tag"',
    "ignores TERM": "sh -c \"trap '' TERM; while :; do sleep 1; done; : $tag\"",
    "a child that ignores TERM": "sh -c \"trap '' TERM; while :; do sleep 1; done; : $tag\" & sleep 300",
    "own process group": 'timeout 300 sh -c "sleep 300; : $tag"',
    "own group that ignores TERM": "timeout 300 sh -c \"trap '' TERM; while :; do sleep 1; done; : $tag\"",
    "a pipeline": 'sh -c "yes; : $tag" | sh -c "cat; : $tag" >/dev/null',
    "grandchildren": "for i in 1 2 3; do sh -c \"sh -c 'sleep 300; : $tag'; : $tag\" & done; wait",
    "floods": 'sh -c "while :; do echo $tag; done"',
}


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_a_timeout_leaves_no_process(make_host: MakeHost, tag: str, tree: str) -> None:
    host = make_host()
    with Transport([host]) as transport, pytest.raises(ScriptTimeout) as caught:
        transport.connect(host).run([Script("true"), Script(f"echo begun\n{tree}", {"tag": tag}, timeout=1.5)])
    assert caught.value.index == 1
    assert "2 of 2" in caught.value.message
    assert "did not confirm" not in caught.value.message
    assert wait_until(lambda: not processes_with(tag)), processes_with(tag)


def test_the_error_of_a_timeout_holds_the_last_lines(make_host: MakeHost) -> None:
    host = make_host()
    with Transport([host]) as transport, pytest.raises(ScriptTimeout) as caught:
        transport.connect(host).run([Script("seq 50; sleep 300", timeout=1)])
    assert caught.value.evidence[-1] == "50"


def test_each_script_has_its_own_time(make_host: MakeHost) -> None:
    host = make_host()
    with Transport([host]) as transport:
        fragments = transport.connect(host).run([Script("sleep 1.2", timeout=2)] * 3)
    assert [f.rc for f in fragments] == [0, 0, 0]


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_a_cancel_leaves_no_process(make_host: MakeHost, tag: str, tree: str) -> None:
    host, cancel = make_host(), threading.Event()
    with Transport([host], cancel=cancel) as transport:
        session = transport.connect(host)
        starter = threading.Thread(target=lambda: (wait_until(lambda: processes_with(tag)), cancel.set()))
        starter.start()
        with pytest.raises(Cancelled):
            session.run([Script(tree, {"tag": tag})])
        starter.join()
    assert wait_until(lambda: not processes_with(tag)), processes_with(tag)


CONTROLLER = """
import sys
from provision.inventory.models import Host
from provision.core.script import Script
from provision.transport import Transport
host = Host.model_validate_json(sys.argv[1])
script, tag = sys.stdin.read().split("\\0")
with Transport([host]) as transport:
    transport.connect(host).run([Script(script, {"tag": tag})])
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("tree", ["plain", "own group that ignores TERM"])
def test_a_controller_that_is_killed_leaves_no_process(
    make_host: MakeHost, tag: str, how: signal.Signals, tree: str
) -> None:
    host = make_host()
    controller = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, host.model_dump_json()], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert controller.stdin is not None
    controller.stdin.write(f"{TREES[tree]}\0{tag}".encode())
    controller.stdin.close()
    assert wait_until(lambda: processes_with(tag))
    time.sleep(0.2)
    controller.send_signal(how)
    controller.wait(20)
    assert wait_until(lambda: not processes_with(tag), 10)


def test_an_error_in_a_listener_leaves_no_process(make_host: MakeHost, tag: str) -> None:
    host = make_host()

    def hear(*_: object) -> None:
        raise KeyError("a listener's own mistake")

    with Transport([host]) as transport, pytest.raises(KeyError):
        transport.connect(host).run([Script('sh -c "echo x; sleep 300; : $tag"', {"tag": tag})], on_line=hear)
    assert wait_until(lambda: not processes_with(tag)), processes_with(tag)


def test_a_service_in_its_own_session_outlives_batch_timeout_and_connection(make_host: MakeHost, tag: str) -> None:
    host = make_host()
    start = 'setsid sh -c "sleep 300; : $tag" </dev/null >/dev/null 2>&1 &'
    with Transport([host]) as transport:
        session = transport.connect(host)
        session.run([Script(start, {"tag": tag})])
        with pytest.raises(ScriptTimeout):
            session.run([Script(f"{start}\nsleep 300", {"tag": tag + "2"}, timeout=1)])
    time.sleep(0.5)
    assert processes_with(tag)
    assert processes_with(tag + "2")


def test_what_is_left_in_the_session_ends_with_its_batch(make_host: MakeHost, tag: str) -> None:
    host = make_host()
    with Transport([host]) as transport:
        (fragment,) = transport.connect(host).run([Script('sh -c "sleep 300; : $tag" & echo $!', {"tag": tag})])
    assert fragment.rc == 0
    assert wait_until(lambda: not processes_with(tag), 5)


def test_programs_do_not_inherit_an_ignored_interrupt(make_host: MakeHost) -> None:
    host = make_host()
    with Transport([host]) as transport:
        (fragment,) = transport.connect(host).run([Script("grep SigIgn /proc/self/status")])
    assert int(fragment.stdout.split()[1], 16) & (1 << (signal.SIGINT - 1)) == 0


def test_no_helper_of_the_leash_is_left_after_a_batch(make_host: MakeHost, tmp_path: Path) -> None:
    # Other tests run beside this one: only what was started through this sshd counts.
    ours = f"LEASH_TEST={tmp_path}"
    host = make_host(f"SetEnv {ours}")

    def helpers() -> list[int]:
        found = []
        for pid in processes_with("exec 3<&0 4>&1"):
            with contextlib.suppress(OSError):
                if ours.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
        return found

    with Transport([host]) as transport:
        session = transport.connect(host)
        session.run([Script("true")])
        assert session.run([Script('echo "$LEASH_TEST"')])[0].stdout == f"{tmp_path}\n"
        before = len(helpers())
        for _ in range(5):
            session.run([Script("true")])
        assert wait_until(lambda: len(helpers()) <= before, 5)
