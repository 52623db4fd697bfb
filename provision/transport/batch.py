"""One batch on one channel: sends its text, follows its output, ends it when its time is up."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import paramiko

from provision.core.errors import Cancelled, ConnectionLost, HostError, ScriptFailed, ScriptTimeout
from provision.core.script import Cleaner, Fragment, Script, Stream
from provision.transport.leash import GRACE, PREFIX, READY
from provision.transport.pipe import Pipe

#: For the host to take the batch's text (seconds).
TAKING = 60.0

#: For the login shell, with its startup files and sudo, to come to the script (seconds).
STARTING = 60.0

#: For the host to say that everything has ended, once the leash is let go (seconds): TERM, KILL, and a bit.
CONFIRM = 2 * GRACE + 2.0

#: What to do where the login shell does not come to what was sent.
STARTUP = "see whether a startup file there (.bashrc, .profile, BASH_ENV) waits for input or for a network"

#: And where it does, and standard output is not ours.
REDIRECTED = "see whether a startup file there (.bashrc, .profile, BASH_ENV) redirects standard output"

# How often a caller's cancel is looked at (seconds), and for how long more output is waited for once the command has
# been seen to have ended without saying so itself: what it said last may still be on its way, or be there by now.
_LOOK = 0.2
_DRAIN = 0.5


class Batch:
    """Used once. `clean` masks secrets; `on_line` hears each line. `ahead`: how many of the scripts, at the beginning,
    are ours and not the caller's."""

    def __init__(
        self,
        host: str,
        pipe: Pipe,
        scripts: Sequence[Script],
        nonce: str,
        clean: Cleaner,
        on_line: Callable[[int, str, str], None],
        cancel: threading.Event,
        ahead: int = 0,
    ) -> None:
        self._ahead = ahead
        self._host = host
        self._pipe = pipe
        self._scripts = scripts
        self._on_line = on_line
        self._cancel = cancel
        private = frozenset(index for index, script in enumerate(scripts) if script.private)
        self._out = Stream(nonce, len(scripts), clean, private=private)
        self._err = Stream(nonce, len(scripts), clean)
        self._current = -1

    def run(self, text: bytes, timeout: float | None) -> list[Fragment]:
        """Raises ScriptTimeout, Cancelled, ConnectionLost; whatever it raises, the leash has been let go."""
        try:
            # A command that ended at once (sudo refused) takes nothing: what it printed says why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._send(text)
            self._follow(timeout)
        except (ScriptTimeout, Cancelled) as error:
            if not self._pipe.cut(CONFIRM):
                error.message += "; the host did not confirm that it has ended"
            raise
        except BaseException:
            self._pipe.cut(CONFIRM)
            raise
        return self._fragments()

    @property
    def begun(self) -> bool:
        return self._current >= 0

    @property
    def status(self) -> int | None:
        return self._pipe.status

    @property
    def preamble(self) -> str:
        """What was printed instead of, or before, the first script's output."""
        lines = (self._out.preamble + self._err.preamble).splitlines()
        return "\n".join(line for line in lines if line != READY)

    def never_began(self) -> HostError:
        status = self._pipe.status
        if status is None:
            return ConnectionLost(self._host, "the connection broke before the script began", hint="run it again")
        return ScriptFailed(
            self._host,
            f"the login shell ended with exit code {status} before the script began{_because(self.preamble)}",
            evidence=self.preamble.splitlines()[-20:],
            hint="log in by hand and see what ends it: a startup file, or a forced command (ForceCommand, or "
            "`command=` in authorized_keys); `sh`, `head` and `setsid` are needed",
        )

    def _send(self, text: bytes) -> None:
        try:
            self._pipe.send(PREFIX + text, TAKING)
        except TimeoutError as error:
            raise ConnectionLost(self._host, f"the host read nothing for {TAKING:g} s", hint="run it again") from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            if not self._pipe.channel.closed and not self._pipe.channel.eof_received:
                raise ConnectionLost(self._host, f"the connection broke: {error}", hint="run it again") from error

    def _follow(self, timeout: float | None) -> None:
        began = time.monotonic()
        quiet = math.inf  # since when, after the command's end
        seen = self._current
        while not (self._out.exit is not None and self._err.exit is not None):
            out, err = self._pipe.read(_LOOK)
            self._take("stdout", self._out.feed(out) if out else ())
            self._take("stderr", self._err.feed(err) if err else ())
            if self._cancel.is_set():
                raise Cancelled(f"cancelled while a script ran on {self._host}")
            now = time.monotonic()
            if out or err:
                quiet = math.inf
            elif self._pipe.over:
                break
            elif self._out.exit is not None or self._pipe.channel.exit_status_ready():
                quiet = min(quiet, now)
                # A batch that ended well has said so: that is on its way, as long as there is no end of the output.
                if now - quiet > (_DRAIN if self._out.exit is not None or self._pipe.status else CONFIRM):
                    break
            if not self._let_in and now - began > STARTING:
                raise self._not_begun(STARTING)
            if timeout is None and seen != self._current:
                seen, began = self._current, now
            limit = timeout if timeout is not None else self._scripts[max(self._current, 0)].timeout
            if now - began > limit:
                raise self._timed_out(limit)
        self._take("stdout", self._out.close())
        self._take("stderr", self._err.close())
        if not self._pipe.stays:
            self._pipe.ended(CONFIRM)
        # A batch that has come to its end says so, also where a script has failed.
        if self._out.exit is None and self.begun and not self._pipe.status:
            raise self._lost() if self._pipe.status is None else self._unheard()

    def _take(self, stream: str, lines: Iterable[tuple[int, str]]) -> None:
        for index, line in lines:
            if not self._scripts[index].private:
                self._on_line(index, stream, line)
        for side in (self._out, self._err):
            if side.current is not None:
                self._current = max(self._current, side.current)
        ended = [index for index, rc in enumerate(self._out.rc) if rc is not None]
        self._current = max([self._current, *ended])

    def _fragments(self) -> list[Fragment]:
        fragments = []
        for index in range(len(self._scripts)):
            rc = self._out.rc[index] if self._out.rc[index] is not None else self._err.rc[index]
            if rc is None and index == self._current:
                rc = self._pipe.status  # its shell was killed: by the kernel, out of memory, or by itself
            fragments.append(Fragment(rc, self._out.text(index), self._err.text(index)))
        return fragments

    def _which(self) -> str:
        return f"script {self._index + 1} of {len(self._scripts) - self._ahead}"

    @property
    def _index(self) -> int:
        """Of the caller's script that runs."""
        return max(self._current - self._ahead, 0)

    def _tail(self) -> tuple[str, ...]:
        index = max(self._current, 0)
        if self._scripts[index].private:
            return ()
        return Fragment(None, self._out.text(index), self._err.text(index)).tail()

    @property
    def _let_in(self) -> bool:
        """Whether the login shell has got as far as our program."""
        return self.begun or READY in self._out.preamble

    def _not_begun(self, limit: float) -> ScriptTimeout:
        error = ScriptTimeout(
            self._host,
            f"the login shell had not started the script after {limit:g} s",
            evidence=self.preamble.splitlines()[-20:],
            hint=STARTUP,
        )
        error.index = 0
        return error

    def _timed_out(self, limit: float) -> ScriptTimeout:
        if not self._let_in:
            return self._not_begun(limit)
        error = ScriptTimeout(
            self._host, f"{self._which()} was still running after {limit:g} s and was stopped", evidence=self._tail()
        )
        error.index = self._index
        return error

    def _unheard(self) -> ScriptFailed:
        message = f"what {self._which()} printed did not come through, although it ended"
        return ScriptFailed(self._host, message, evidence=self._tail(), hint=REDIRECTED)

    def _lost(self) -> ConnectionLost:
        error = ConnectionLost(
            self._host,
            f"the connection broke while {self._which()} was running",
            evidence=self._tail(),
            hint="run it again: it continues where it stopped",
        )
        error.index = self._index
        return error


def _because(said: str) -> str:
    """What was printed instead, such as the text of /etc/nologin."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
