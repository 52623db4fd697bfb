"""What runs on the host before any script does: constant programs, so that `ps` and sudo's log show no values.

**The leash.** Standard input carries the batch, then stays open. Its end — a timeout, Ctrl-C, a controller
that was killed, a broken network — means: end everything. The batch runs as a session of its own; a watcher
reads standard input to its end, then sends TERM to every process of that session, waits two seconds and sends
KILL until none is left. What made itself a session of its own (a service) survives on purpose; what did not
ends with its batch.

**Quoting.** The user's login shell parses these texts before sh does: single quotes mean the same to sh, bash,
zsh, fish and csh as long as there is no quote, backslash or newline within, and no `!` before a character
other than blank or `=` (csh replaces it by history, even within quotes).

**Signals.** The batch is in the foreground of a pipeline, not a background job: shells make their background
jobs ignore SIGINT, and every service started from there would inherit that.
"""

from __future__ import annotations

import functools

from provision.payload.bundle import shell

#: The first line on standard output: whatever stands before the program (sudo) has let it through.
READY = "provision-ready"

#: Seconds between TERM and KILL, and for how long KILL is repeated (a process in an unkillable wait).
GRACE = 2.0

# Sends signal $1 to every process of session $p, also those that made a process group of their own (timeout
# does); true if there was one. In /proc/PID/stat the name's closing parenthesis is followed by state (Z and X
# are dead), parent, process group, session. One grep is quick where sh would read byte by byte.
_SIGNAL = (
    'signal() { found=1; for f in $(grep -ls ") [^ZX] [0-9]* [0-9]* $p " /proc/[0-9]*/stat); do '
    "found=0; f=${f#/proc/}; kill -s $1 ${f%/stat}; done; return $found; }"
)

# `i` counts tenths of a second.
_REAP = (
    "signal TERM; i=0; while signal 0 && [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; "
    "i=0; while kill -s KILL -- -$p; signal KILL && [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done"
)

# A startup file that reads a line of standard input (`read -r x`) gets an empty one, and not the batch's first.
_BEGIN = "provision-begin"

#: What stands before a batch, and before an upload.
PREFIX = f"\n\n\n{_BEGIN}\n".encode()

# The session's leader: takes the batch from standard input, tells its process id, then runs what it has read. The
# whole text is read before any of it runs, and at once: `sh -s` may read a pipe byte by byte.
_LEADER = (
    f'while read -r t && [ "$t" != {_BEGIN} ]; do :; done; t=$(head -c $1); '
    'echo leader $$ >&5; exec 5>&- </dev/null; eval "$t"'
)

# fd 3: the leash; fd 4: the channel's standard output; fd 5: the pipe to the watching half, which reads the leash
# once the leader has taken the batch from it.
# $1: length of the batch in bytes; $2: the leader's program.
_RUN = (
    f"echo {READY}; "
    "exec 3<&0 4>&1; "
    '{ setsid sh -c "$2" sh $1 5>&1 >&4 3<&- 4>&-; echo status $?; } | '
    "{ exec 4>&- 2>/dev/null; read -r k p; [ $k = leader ] || exit ${p:-127}; "
    f"{_SIGNAL}; "
    f'( while read -r l; do :; done; trap "" TERM; {_REAP} ) <&3 >/dev/null & w=$! ; '
    "exec 3<&-; read -r k c; kill -s TERM $w; wait $w; kill -s KILL -- -$p; exit ${c:-1}; }"
)

#: What a host says in the end of an upload. Without it nothing was stored, whatever the exit code: a startup file may
#: have read all of it.
STORED = "provision-stored"

#: What it says of a large file before it takes it: how much is there, and the digest of that.
AT = "provision-at"

#: And before it reads what is there, which may take minutes.
LOOKING_AT_IT = "provision-looking"

#: The last member of each upload: tar takes an archive that ends between two members for a whole one.
COMPLETE = ".provision-complete"

# The program comes on standard input, in front of what it reads: it is far longer than a quoted text may be.
_RECEIVE = (
    f'echo {READY}; while read -r p && [ "$p" != {_BEGIN} ]; do :; done; program=$(head -c $1) && eval "$program"'
)


@functools.cache
def receiver() -> bytes:
    """What a host is sent before an upload's lease, user, folders and tar stream."""
    parts = ("files/trust.sh", "files/rights.sh", "lease/library.sh", "lease/guard.sh", "files/receive_one.sh")
    return shell(*parts, "files/relay.sh", "files/receive.sh").encode()


def run_command(size: int, prefix: str = "") -> str:
    """What the login shell is asked to run for a batch of `size` bytes; `prefix`: sudo with its flags."""
    return f"exec {prefix}sh -c '{_own_language(prefix)}{_RUN}' sh {size} '{_LEADER}'"


def receive_command(prefix: str = "") -> str:
    """What the login shell is asked to run for an upload."""
    return f"exec {prefix}sh -c '{_own_language(prefix)}{_RECEIVE}' sh {len(receiver())}"


def hold_command(size: int, prefix: str = "") -> str:
    """What the login shell is asked to run for a batch that holds a lease; `size`: of its program in bytes."""
    return f"exec {prefix}sh -c '{_own_language(prefix)}{_RECEIVE}' sh {size} '{_RUN}' '{_LEADER}'"


def _own_language(prefix: str) -> str:
    """English is for sudo's own words, not for the programs behind it."""
    return "unset LC_ALL LANGUAGE; " if prefix else ""
