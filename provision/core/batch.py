"""A batch: many scripts as one text for sh, in one round trip.

Each fragment runs in its own subshell, with /dev/null as standard input, and is framed on *both* streams by lines that
carry a nonce the fragment cannot guess:

    \\036<nonce> begin <index>
    …what the fragment printed…
    \\036<nonce> end <index> <exit code>

and after the last one `\\036<nonce> exit <exit code>`: then everything has been seen, even if a process that
inherited the streams keeps them open. What `whole` ones print is collected, and comes on standard output at once, each
between its frames, when the batch ends or another one begins; on standard error a frame says when it begins.

What fragments that follow one another have `before` them in common is sent and run once, in a shell that theirs are
forked from.

A fragment that fails ends the batch unless it is `optional`: what comes after usually stands on it. One whose
text is not even sh fails alone (with exit code 2, as sh says it): it is parsed when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from provision.core.script import MARK, Script, assignments, quote
from provision.core.secret import Secret

#: Whose rights a batch has does not change, and many of its scripts ask: 25 of the 120 programs that a check started on
#: each host were `id`. The second number is that of the effective user (proc(5)).
_WHO = """\
_uid=
{ while read -r _is _ _uid _; do [ "$_is" != Uid: ] || break; done < /proc/self/status; } 2>/dev/null
case "$_is$_uid" in Uid:[0-9]*) ;; *) _uid=$(id -u 2>/dev/null) ;; esac
id() { case "$#$1$_uid" in 1-u[0-9]*) printf '%s\\n' "$_uid" ;; *) command id "$@" ;; esac; }
"""

# A shell drops the newlines at the end of what it has collected: so they are not at the end.
_LAST = f"trap 'printf {MARK}' EXIT"

# `_out` and `_err`: what is still to be printed. What a shell prints at once is one packet, if it is not too much.
_FRAMES = """\
_out= _err=
_mark() {{ printf '%s{mark}%s\\n' "$_out" "$*"; printf '%s{mark}%s\\n' "$_err" "$*" >&2; _out= _err=; }}
_begin() {{ printf '%s{mark}begin %s\\n' "$_err" "$1" >&2; }}
_end() {{
_err="{mark}end $1 $_rc
"
_out="$_out{mark}begin $1
${{_said%{last}}}$_err" _said=
}}
"""

# Several scripts in a shell that all that is `before` them has been run in.
_TOGETHER = """\
_said=$(_out= _said=; trap 'printf "%s{last}" "$_out"; printf %s "$_err" >&2' EXIT; exec </dev/null; eval {before}
{each})
_out="$_out${{_said%{last}}}" _said= _err=
"""


def render(scripts: Sequence[Script], nonce: str, reveal: Callable[[Secret], str], first: int = 0) -> str:
    """The text of a batch, for sh to evaluate whole. `first`: the index of its first script. Raises ValueError for a
    NUL or a bad variable name.

    Everything is defined before anything runs: a text that was cut off in the middle does nothing at all.
    """
    parts = [
        _FRAMES.format(mark=f"{MARK}{nonce} ", last=MARK),
        "_main() {\n",
        _WHO,
    ]
    for before, numbered in groupby(enumerate(scripts, first), lambda one: _shared(one[1])):
        group = list(numbered)
        if before is None or len(group) == 1:
            parts += [_one(index, script.alone(), reveal) for index, script in group]
            continue
        each = "".join(_one(index, script, reveal) for index, script in group)
        parts.append(_TOGETHER.format(before=quote(_text(before, reveal)), each=each, last=MARK))
    parts.append('return 0\n}\n_main; _rc=$?; _mark exit "$_rc"; exit "$_rc"\n')
    return "".join(parts)


def _shared(script: Script) -> Script | None:
    """What is run once for it and its neighbours: what one of them prints as it goes would have to be followed."""
    return script.before if script.whole and script.optional else None


def _text(script: Script, reveal: Callable[[Secret], str]) -> str:
    return f"{assignments(script.vars, reveal)}{script.body}\n"


def _one(index: int, script: Script, reveal: Callable[[Secret], str]) -> str:
    text = quote(_text(script, reveal))
    stop = "" if script.optional else '[ "$_rc" -eq 0 ] || return "$_rc"\n'
    if script.whole:
        return f"_begin {index}\n_said=$({_LAST}; exec </dev/null; eval {text}); _rc=$?\n_end {index}\n{stop}"
    return f'_mark begin {index}\n( eval {text} ) </dev/null; _rc=$?\n_mark end {index} "$_rc"\n{stop}'
