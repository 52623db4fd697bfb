"""Services that a version before has left, with sudo: they ran as whoever logs in, in folders that were that user's, so
that no stamp in them is believed. What ran goes on carrying its mark."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import LIBRARY, STOP, sending

pytestmark = pytest.mark.needs("root")

MARK = "gpus/gpu-01/ray"
SERVER = """
import os, socket
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
os.read(0, 1)
"""
#: Who logs in, whom services run as now, and somebody else.
LOGIN, SERVICE, OTHER = "nobody", "daemon", "games"


class Before:
    """A service's folder as it was then, and a process that listens."""

    def __init__(self, place: Path, user: str) -> None:
        self.folder, self.former = place / "ray", place / "former"
        self.user = pwd.getpwnam(user).pw_uid
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-S", "-c", SERVER],
            env={"PATH": os.defpath, "PROVISION_SERVICE": MARK},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=[],
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        start = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        for made in (self.folder, self.former):
            made.mkdir()
            (made / "stamp").write_text(f"--port={self.port}\npid={self.process.pid}\nstart={start}\nunit=\n")
            os.chown(made, self.user, -1)

    def run(self, *files: str) -> str:
        login = pwd.getpwnam(LOGIN)
        variables = {
            **{"dir": str(self.folder), "mark": MARK, "user": SERVICE, "runtime": "session", "runtimes": "session"},
            **{"unit": "none.service", "scratch": "", "former": str(self.former), "ports": "", "segments": ""},
            **{"address": "127.0.0.1", "entries": f"{self.port} Ray"},
            **{"SUDO_USER": LOGIN, "SUDO_UID": str(login.pw_uid), "SUDO_GID": str(login.pw_gid)},
            **{name: str(value) for name, value in sending().items()},
            "PATH": os.defpath,
        }
        done = subprocess.run(["sh", "-c", shell(*files)], env=variables, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def runs(self) -> bool:
        return self.process.poll() is None


@pytest.fixture
def before(request: pytest.FixtureRequest) -> Iterator[Before]:
    # Like /tmp, where a user removes what is theirs; pytest's own folders let nobody through.
    with tempfile.TemporaryDirectory(prefix="provision-test-") as place:
        Path(place).chmod(0o1777)
        found = Before(Path(place), request.param)
        yield found
        found.process.communicate("")


@pytest.mark.parametrize("before", [LOGIN], indirect=True)
def test_its_ports_are_its_own_and_it_is_ended_with_all_that_it_left(before: Before) -> None:
    assert before.run(*LIBRARY, "container/whose.sh", "service/ports.sh") == f"port {before.port} (Ray)=free\n"
    before.run(*STOP, "service/clear.sh")
    assert before.process.wait(10) != 0
    assert not before.folder.exists()
    assert not before.former.exists()


@pytest.mark.parametrize("before", [OTHER], indirect=True)
def test_what_somebody_else_has_marked_is_not_ours(before: Before) -> None:
    assert before.run(*LIBRARY, "container/whose.sh", "service/ports.sh").startswith(f"port {before.port} (Ray)=taken")
    before.run(*STOP, "service/clear.sh")
    assert before.runs()
    assert before.former.exists()
