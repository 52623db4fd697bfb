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

# The session's leader: takes the batch from standard input, tells its process id, then runs what it has read. The
# whole text is read before any of it runs, and at once: `sh -s` may read a pipe byte by byte.
_LEADER = 't=$(head -c $1); echo leader $$ >&5; exec 5>&- </dev/null; eval "$t"'

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

#: The last member of each upload: tar takes an archive that ends between two members for a whole one.
COMPLETE = ".provision-complete"

# Standard input: a user, and a folder to make for that user, each on a line; then what $1 reads. Root becomes the user:
# below a folder of theirs a link may lead anywhere. Root itself makes that one folder, where nobody but root can write
# on the way: then nothing there can be another thing a moment later.
_AS_USER = (
    f"echo {READY}; "
    'read -r u && read -r m || exit; [ -n "$u" ] && [ "$(id -u)" = 0 ] || exec sh -c "$1" sh; '
    'g=$(id -g -- "$u") || exit; '
    'safe() { case $(stat -c "%u %a" -- "$1") in *[2367]?|*[2367]) return 1;; "0 "*) [ "$1" = / ] || '
    '{ s=${1%/*}; safe "${s:-/}"; };; *) return 1;; esac; }; '
    'if [ -n "$m" ] && [ -z "$(stat -c x -- "$m" 2>/dev/null)" ]; then a=${m%/*}; n=; '
    'while [ -n "$a" ] && [ -z "$(stat -c x -- "$a" 2>/dev/null)" ]; do n=/${a##*/}$n; a=${a%/*}; done; '
    'a=$(cd -P -- "${a:-/}" && pwd -P) && if safe "$a"; then '
    'a=${a%/}$n; umask 022; mkdir -p -- "${a:-/}" && mkdir -m 700 -- "$a/${m##*/}" && '
    'chown -h -- "$u:$g" "$a/${m##*/}"; fi; fi; '
    'cd /; exec setpriv --reuid "$u" --regid "$g" --init-groups --inh-caps=-all -- sh -c "$1" sh'
)

# Standard input: the folder on a line, then a tar stream up to its end. Unpacked beside and renamed, so that
# a transfer that breaks leaves nothing that looks whole. `-o`: the files belong to whom we are here. `df`: tar
# says `wrote only 512 of 1024 bytes` for a disk that is full.
_RECEIVE = (
    'read -r d || exit; case $d in "~") d=$HOME;; "~/"*) d=$HOME/${d#"~/"};; esac; umask 077; '
    'mkdir -p -- "$d" && t=$(mktemp -d "$d/.incoming.XXXXXXXX") || exit; '
    f'tar -xof - -C "$t" && rm -- "$t/{COMPLETE}" || {{ c=$?; df -k "$d" >&2; rm -rf -- "$t"; exit $c; }}; '
    'for f in "$t"/* "$t"/.[A-Za-z0-9_]*; do [ -e "$f" ] || [ -L "$f" ] || continue; '
    'rm -rf -- "$d/${f##*/}" && mv -- "$f" "$d/" || { rm -rf -- "$t"; exit 1; }; done; rmdir -- "$t"'
)


def run_command(size: int, prefix: str = "") -> str:
    """What the login shell is asked to run for a batch of `size` bytes; `prefix`: sudo with its flags."""
    return f"exec {prefix}sh -c '{_RUN}' sh {size} '{_LEADER}'"


def receive_command(prefix: str = "") -> str:
    """What the login shell is asked to run for an upload."""
    return f"exec {prefix}sh -c '{_AS_USER}' sh '{_RECEIVE}'"
