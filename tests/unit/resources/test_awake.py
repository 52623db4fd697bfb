"""A service of a playbook of one's own, whose health is what provision sees of its process."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from services import Sleeper

from provision.core.batch import render
from provision.core.script import Stream
from provision.core.secret import Secret
from provision.resources.service import Place

MARK = "mine/gpu-01/sleeper"


@pytest.fixture
def sleeping(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Its process, with the stamp of a start."""
    (tmp_path / "sleeper").mkdir(mode=0o700)
    with subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], "PROVISION_SERVICE": MARK}) as process:
        while b"sleep" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        stamp = tmp_path / "sleeper" / "stamp"
        stamp.write_text(f"size=1\npid={process.pid}\nstart={start}\nready=yes\n")
        stamp.chmod(0o600)
        yield process
        process.kill()


def seen(folder: Path) -> dict[str, str]:
    text = render([Sleeper(Place(str(folder / "sleeper"), MARK)).probe()], "n", Secret.reveal)
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False)
    out = Stream("n", 1)
    list(out.feed(done.stdout.encode()))
    assert out.rc == [0], done.stderr
    return dict(line.partition("=")[::2] for line in out.text(0).splitlines())


def test_one_that_was_stopped_by_a_signal_is_not_well(sleeping: subprocess.Popen[bytes], tmp_path: Path) -> None:
    service = Sleeper(Place(str(tmp_path / "sleeper"), MARK))
    have = seen(tmp_path)
    assert (have["running"], have["health"]) == ("yes", "ok")
    assert service.diff(have, service.want()) == ()
    sleeping.send_signal(signal.SIGSTOP)
    os.waitpid(sleeping.pid, os.WUNTRACED)
    stopped = seen(tmp_path)
    (difference,) = service.diff(stopped, service.want())
    assert (difference.aspect, difference.expected) == ("health", "ok")
    assert (
        difference.found == f"its process is stopped by a signal (SIGSTOP): `kill -CONT {sleeping.pid}` lets it go on"
    )
    sleeping.send_signal(signal.SIGCONT)
    assert seen(tmp_path)["health"] == "ok"
