"""The live view at a real terminal, tmux's, at every width and while it is resized: what is on the screen is what is so
now, and what is done stays."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import live_at_a_terminal
import pytest
from live_at_a_terminal import HOSTS, LOG, a_run

from provision.core.events import StepDone
from provision.render.text import clock

pytestmark = [pytest.mark.needs("tmux"), pytest.mark.timeout(120)]

RUN = a_run()
UNTIL_BUILDING = RUN.index(next(event for event in RUN if isinstance(event, StepDone)))


class Screen:
    """A window of tmux with the view in it, and a shell's $COLUMNS, which is not what the window is."""

    def __init__(self, folder: Path, width: int) -> None:
        self._socket = str(folder / "s")  # the names of sockets are short (unix(7): 108 bytes)
        asked, answers = folder / "asked", folder / "answers"
        os.mkfifo(asked)
        os.mkfifo(answers)
        program = shlex.join([sys.executable, live_at_a_terminal.__file__, str(asked), str(answers)])
        path = shlex.quote(os.pathsep.join(sys.path))
        self._tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            str(width),
            "-y",
            "24",
            f"COLUMNS=80 LINES=24 PYTHONPATH={path} {program}",
        )
        self._asked, self._answers = asked.open("w"), answers.open()

    def _tmux(self, *words: str) -> str:
        return subprocess.run(["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=True).stdout

    def move_on(self, events: int) -> list[str]:
        """Takes so many events, and gives the lines of the screen once they are drawn."""
        return self._drawn(self._ask(events)[0])

    def resize(self, width: int) -> list[str]:
        """tmux breaks the lines anew at once, and tells the terminal's programs a moment later: nothing is drawn until
        then."""
        self._tmux("resize-window", "-x", str(width))
        tty = os.open(self._tmux("display-message", "-p", "#{pane_tty}").strip(), os.O_RDONLY | os.O_NOCTTY)
        try:
            while os.get_terminal_size(tty).columns != width:
                pass
        finally:
            os.close(tty)
        second, drawn_for = self._ask(0)
        assert drawn_for == width
        return self._drawn(second)

    def _ask(self, events: int) -> tuple[int, int]:
        print(events, file=self._asked, flush=True)
        second, width, _ = map(int, self._answers.readline().split())
        return second, width

    def _drawn(self, second: int) -> list[str]:
        """tmux takes what was written in its own time: the last row tells the second that it was drawn in."""
        while True:
            lines = [line.rstrip() for line in self._tmux("capture-pane", "-p").splitlines()]
            lines = [line for line in lines if line]
            if lines and lines[-1].startswith(f"{clock(second)}  "):
                return lines

    def stays(self) -> list[str]:
        """All that was ever written, also what has left the screen, lines that were broken up as one."""
        lines = [line.rstrip() for line in self._tmux("capture-pane", "-p", "-J", "-S", "-200").splitlines()]
        return [line for line in lines if line.startswith(("up: ", "+ ")) or "  created " in line]

    def close(self) -> None:
        self._asked.close()
        self._answers.close()
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture(params=[40, 80, 200])
def screen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Screen]:
    opened = Screen(tmp_path, request.param)
    yield opened
    opened.close()


def rows(lines: list[str]) -> list[str]:
    """Those of the hosts as they are now, which stand last."""
    return lines[-1 - len(HOSTS) : -1]


def check(lines: list[str]) -> None:
    """Each host has one row, in order, and above them is none of an earlier time. What tmux has moved out of the screen
    while it broke lines anew is out of reach."""
    assert [row.split()[0] for row in rows(lines)] == list(HOSTS), "\n".join(lines)
    above = lines[: -1 - len(HOSTS)]
    stale = [line for line in above if "installed" in line or "waiting" in line or "busy" in line or "1/" in line]
    assert not stale, "\n".join(lines)
    words = {*LOG.split(), "installed", "141", "of", "218", "packages"}
    for row in rows(lines):
        cut = [word.removesuffix("…") for word in row.split() if word.endswith("…")]
        known = {"1/1", "1/3", "3/3", "environment", "3abe8844a5a2", *(f"{host}," for host in HOSTS), *HOSTS}
        assert all(word in words | known for word in cut), row


def test_what_is_on_the_screen_is_so_now_whatever_size_it_has_and_has_had(screen: Screen) -> None:
    check(screen.move_on(UNTIL_BUILDING))
    for width in (40, 200, 80, 41, 40, 120):
        lines = screen.resize(width)
        check(lines)
        assert all(len(row) <= width for row in rows(lines))
    assert rows(lines)[0].split()[1] == "1/3" and rows(lines)[1].split()[1] == "1/1"
    assert "installed 141 of 218 packages" in rows(lines)[0]

    lines = screen.move_on(2)
    check(lines)
    assert rows(lines)[0].split(maxsplit=1)[1] == "waiting for gpu-02, gpu-03: environment 3abe8844a5a2"
    check(screen.resize(40))

    lines = screen.move_on(len(RUN))
    check(lines)
    assert "installed" not in "".join(rows(lines)), "what was done is stale"
    assert rows(lines)[0].split()[1:4] == ["3/3", "vLLM", "Loading…"]
    # Wider again, tmux takes back what it had moved out of the screen, as it was.
    lines = screen.resize(200)
    assert LOG in rows(lines)[0] and lines[-1].endswith("4 of 5 steps")
    stays = screen.stays()
    assert len(stays) == len(set(stays)) == 1 + 5 + 4, "\n".join(stays)
