"""payload/lease/unlock.sh ends what a note names, and believes no note that somebody else could have written."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.core.lease import read_answers
from provision.transport.lease import unlocking

#: So that it is no lease of this machine's.
NAME = f"test-unlock-{os.getpid()}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the lease of whoever runs this would be."""
    of_user = tmp_path / ".provision" / "lease" / NAME
    made = of_user if os.getuid() else Path(f"/run/provision/lease-{NAME}")
    made.mkdir(parents=True)
    yield made
    for file in made.iterdir():
        file.unlink()
    made.rmdir()


@pytest.mark.parametrize(("mode", "state"), [(0o755, "taken"), (0o777, "free")])
def test_what_a_note_names_is_ended_only_where_nobody_else_could_have_written_it(
    place: Path, tmp_path: Path, mode: int, state: str
) -> None:
    with subprocess.Popen(["sh", "-c", "exec sleep 60"], start_new_session=True) as named:
        born = Path(f"/proc/{named.pid}/stat").read_text().rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        note = f"lease=x\nboot={boot}\nholder={named.pid} {born}\nwho=ann@{socket.gethostname()}\ncommand=up\n"
        (place / "note").write_text(note)
        place.chmod(mode)
        script = unlocking("bob@here", "it hangs")
        variables = {name: str(value) for name, value in script.vars.items()}
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PROVISION_LEASES": NAME, **variables}
        # It ends at once, also for a process that is ours to wait for.
        said = subprocess.Popen(
            ["sh", "-c", script.body], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if state == "taken":
            assert named.wait() == -15
        out, err = said.communicate()
        assert [answer.state for answer in read_answers(out)] == [state], err
        assert (named.poll() is None) is (state == "free")
        named.kill()
