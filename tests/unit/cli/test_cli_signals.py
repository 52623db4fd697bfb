import subprocess
import sys

IMPATIENT = """
import signal, time
from provision.cli.signals import ONE, Interrupts, interrupts
state = Interrupts()
with interrupts(state, lambda text: print(text, flush=True), cursor=True):
    signal.raise_signal(signal.SIGINT)
    assert state.cancel.is_set()
    time.sleep(ONE + 0.1)
    signal.raise_signal(signal.SIGTERM)
    print("never reached", flush=True)
"""


def test_a_second_signal_leaves_at_once_with_the_cursor_back() -> None:
    done = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=False)
    assert done.returncode == 143
    assert done.stdout == "stopping: ending remote processes… (again to leave at once)\n\x1b[?25h\n"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    code = """
import signal
from provision.cli.signals import Interrupts, interrupts
signal.signal(signal.SIGHUP, signal.SIG_IGN)
state = Interrupts()
with interrupts(state, print, cursor=False):
    signal.raise_signal(signal.SIGHUP)
    assert not state.cancel.is_set()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
