"""A long-running process that outlives the SSH session, and is ours from start to end.

Where systemd runs and we are root it is a unit, otherwise a process in its own session. Either way:

- Its folder, `<root>/clusters/<cluster>/<host>/<name>/`, holds `run` (0600: environment and command), `log`, and
  `stamp`. `run` writes the stamp as its very first act: what was wanted, its pid and the process's start
  time. So a stamp exists if and only if the process did, whenever the controller dies.
- Restart is drift: the stamp holds every argument and variable (secrets by digest), and a plan compares them.
- Ownership: everything it starts inherits the variable PROVISION_SERVICE. Stopping ends exactly what carries
  it, by pid, and shows that processes and ports are gone. Ray's own `ray stop` kills by name, whatever the
  owner (ray#60454); that is why it is not used here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from provision.resource import Difference, Resource, State
from provision.script import Script, Value
from provision.secret import Secret

#: Keys of a stamp that say how the process runs, not what was wanted.
OBSERVED = frozenset({"pid", "start", "unit", "ready", "running", "health"})


@dataclass(frozen=True)
class Place:
    """Where a service lives. `user`: whom it runs as, if not as the one who starts it (needs root).
    `systemd`: whether a unit carries it."""

    folder: str
    owner_mark: str
    user: str = ""
    systemd: bool = False


@dataclass(frozen=True)
class Service(Resource):
    """Subclasses say `command`, `environment` and how it shows that it is ready."""

    place: Place

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    def id(self) -> str:
        return f"service:{self.place.owner_mark.rsplit('/', 1)[-1]}"

    @property
    def label(self) -> str:
        return self.name

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """The program and its arguments. Never holds a secret."""

    @abstractmethod
    def environment(self) -> Mapping[str, str | Secret]:
        """All of it: the process inherits nothing."""

    @abstractmethod
    def aspects(self) -> Mapping[str, str]:
        """What the stamp records and a plan compares, in the user's words. Secrets by digest alone."""

    @abstractmethod
    def ready(self) -> Script:
        """Ends well once the service does its work. May use $dir, $pid, and the functions of LIBRARY."""

    def health(self) -> Script:
        """Prints `health=ok` while the running service is well; part of the probe."""
        return Script("echo health=ok")

    def ports(self) -> tuple[int, ...]:
        """Ports that must be closed once it is stopped."""
        return ()

    def scratch(self) -> str:
        """A folder outside its own that the service fills, removed with it; empty: none."""
        return ""

    def segments(self) -> tuple[str, ...]:
        """Patterns of names below /dev/shm that its programs leave behind when they end."""
        return ()

    def want(self) -> State:
        return {"running": "yes", "ready": "yes", "health": "ok", **self.aspects()}

    def probe(self) -> Script:
        health = self.health()
        variables: dict[str, Value] = {"dir": self.place.folder, "mark": self.place.owner_mark, **health.vars}
        return Script(f"{LIBRARY}\n{PROBE}\nif alive; then\n{health.body}\nfi", variables, timeout=30)

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if have is None or want is None:
            return super().diff(have, want)
        if have.get("running") != "yes":
            return (Difference("running", "yes", have.get("running")),)
        changed = [d for d in super().diff(have, want) if d.aspect in OBSERVED or d.aspect in have]
        known = {d.aspect for d in changed}
        added = [d for d in super().diff(have, want) if d.aspect not in known]
        gone = [Difference(key, None, have[key]) for key in have if key not in want and key not in OBSERVED]
        return (*changed, *added, *gone)

    def fix(self, have: State, want: State) -> Script:
        base: dict[str, Value] = {
            "dir": self.place.folder,
            "mark": self.place.owner_mark,
            "ports": " ".join(map(str, self.ports())),
            "segments": " ".join(self.segments()),
            "user": self.place.user,
            "unit": unit_name(self.place) if self.place.systemd else "",
        }
        if want is None:
            return Script(f"{LIBRARY}\n{STOP}\n{CLEAR}", {**base, "scratch": self.scratch()}, timeout=120)
        ready = self.ready()
        variables = {**base, **self._run_variables(want), **ready.vars}
        begin = "read_stamp" if _only_unready(self.diff(have, want)) else f"{STOP}\nstop || exit 1\n{START}"
        body = f"{LIBRARY}\n{begin}\n{ready.body}\nmark_ready"
        return Script(body, variables, timeout=120 + ready.timeout)

    def _run_variables(self, want: Mapping[str, str]) -> dict[str, Value]:
        variables: dict[str, Value] = {}
        for index, argument in enumerate(self.command()):
            variables[f"arg_{index}"] = argument
        environment = {**self.environment(), "PROVISION_SERVICE": self.place.owner_mark}
        for index, (name, value) in enumerate(environment.items()):
            variables[f"name_{index}"] = name
            variables[f"value_{index}"] = value
        stamp = "".join(f"{k}={v}\n" for k, v in want.items() if k not in OBSERVED)
        return variables | {"args": len(self.command()), "names": len(environment), "stamp": stamp}


def unit_name(place: Place) -> str:
    return "provision-" + place.owner_mark.replace("/", "-") + ".service"


def _only_unready(differences: tuple[Difference, ...]) -> bool:
    """It runs as wanted, but the run that started it was cut off before it was ready: wait, do not restart."""
    aspects = {d.aspect for d in differences}
    return "ready" in aspects and aspects <= {"ready", "health"}


def aspects_of(flags: Mapping[str, str], environment: Mapping[str, str | Secret]) -> dict[str, str]:
    """Flags and variables as a stamp records them. Newlines cannot be part of a stamp's line."""
    seen = dict(flags)
    for name, value in environment.items():
        shown = f"sha256:{value.sha256()[:16]}" if isinstance(value, Secret) else value
        seen[f"${name}"] = shown
    return {key: value.replace("\n", "\\n") for key, value in seen.items()}


# A pid alone says nothing once it is used again: the kernel's start time (field 22) goes with it. The name in
# field 2 may hold blanks and brackets, so the line is cut after its last bracket.
LIBRARY = r"""
start_of() {
    started=''
    { read -r l < "/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${l##*)}
    [ "$1" != Z ] && started=${20}
}
# `stamped`: all that the stamp says, so that it is read once.
read_stamp() {
    pid='' start='' old_unit='' stamped=''
    [ -f "$dir/stamp" ] || return 1
    while IFS= read -r l; do
        case $l in pid=*) pid=${l#*=} ;; start=*) start=${l#*=} ;; unit=*) old_unit=${l#*=} ;; esac
        stamped="$stamped$l
"
    done < "$dir/stamp"
}
alive() { [ -n "$pid" ] && start_of "$pid" && [ "$started" = "$start" ]; }
ours() { grep -lzxF "PROVISION_SERVICE=$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
listens() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A "
}
mark_ready() { grep -q '^ready=' "$dir/stamp" || echo ready=yes >> "$dir/stamp"; }
gave_up() { echo "$1" >&2; echo "the last lines of $dir/log:" >&2; tail -n "${2:-200}" -- "$dir/log" >&2; exit 1; }
"""

PROBE = r"""
if ! read_stamp; then
    # What a start that broke off left; `down` has it to remove.
    [ ! -f "$dir/run" ] || echo "running=no: it did not start"
    exit 0
fi
printf %s "$stamped"
if alive; then echo running=yes; else echo "running=no: its process is gone"; fi
"""

# The main process is asked first and given 10 s to end its children in good order. Then, or as soon as it is gone,
# whatever still carries the mark is asked, and after 5 s more killed; again and again, because a dying tree may
# still be making children.
STOP = r"""
stop() {
    read_stamp
    old_unit=${old_unit:-$unit}
    if [ -f "/run/systemd/system/$old_unit" ]; then
        systemctl stop -- "$old_unit" 2>/dev/null
        rm -f -- "/run/systemd/system/$old_unit"
        systemctl reset-failed -- "$old_unit" 2>/dev/null
        systemctl daemon-reload
    fi
    if alive; then kill -s TERM "$pid" 2>/dev/null; fi
    n=0 asked=''
    while left=$(ours); [ -n "$left" ]; do
        if [ "$n" -ge 200 ]; then echo "these processes do not end:" $left >&2; return 1
        elif [ "$n" -ge 150 ]; then kill -s KILL $left 2>/dev/null
        elif [ "$n" -ge 100 ] || { [ -z "$asked" ] && ! alive; }; then asked=yes; kill -s TERM $left 2>/dev/null
        fi
        n=$((n + 1)); sleep 0.1
    done
    [ -z "$pid" ] || echo "::note stopped: pid $pid and all it started are gone"
    remove_segments
    for old_port in $ports; do
        n=0
        while listens "$old_port" && [ "$n" -lt 20 ]; do n=$((n + 1)); sleep 0.1; done
        if listens "$old_port"; then echo "::note port $old_port is still open: another process has it"; fi
    done
    rm -f -- "$dir/stamp"
}
# Shared memory outlives whoever made it. Ours is what has such a name and owner, is younger than the start of the
# service, and is open nowhere.
remove_segments() {
    [ -f "$dir/run" ] && [ -n "$segments" ] || return 0
    for segment in $(cd /dev/shm && ls -d $segments 2>/dev/null); do
        segment=/dev/shm/$segment
        [ "$segment" -nt "$dir/run" ] && [ "$(stat -c %U "$segment")" = "${user:-$(id -un)}" ] || continue
        grep -qsF "$segment" /proc/[0-9]*/maps || rm -f -- "$segment"
    done
}
"""

CLEAR = """
stop || exit 1
rm -rf -- "$dir"
[ -z "$scratch" ] || rm -rf -- "$scratch"
"""

# The environment goes through a 0600 file, not through env(1), whose arguments everyone can read.
START = r"""
# Where root works for somebody else, the folders above let them in, whatever root's umask says.
( [ -z "$user" ] || umask 022; mkdir -p -- "${dir%/*}" ) || exit 1
umask 077
mkdir -p -- "$dir" || exit 1
[ ! -f "$dir/log" ] || mv -f -- "$dir/log" "$dir/log.1"
: > "$dir/log"
# What stands in the way of the service's own log.
journal() { [ -z "$unit" ] || [ -s "$dir/log" ] || journalctl -u "$unit" -n 5 -o cat --no-pager >&2; }
quoted() { printf "'"; printf %s "$1" | sed "s/'/'\\\\''/g"; printf "'"; }
{
    printf 'cd /\n'
    i=0
    while [ "$i" -lt "$names" ]; do
        eval "n=\$name_$i v=\$value_$i"
        printf 'export %s=' "$n"; quoted "$v"; echo
        i=$((i + 1))
    done
    printf 'ulimit -n "$(ulimit -Hn)" 2>/dev/null\n'
    printf 'l=$(cat /proc/$$/stat); set -- ${l##*)}\n'
    printf '{ printf %%s '; quoted "$stamp"; printf '; echo "pid=$$"; echo "start=${20}"; echo "unit=%s"; } > ' "$unit"
    quoted "$dir/stamp.new"; echo
    printf 'mv -f '; quoted "$dir/stamp.new"; printf ' '; quoted "$dir/stamp"; echo
    printf 'exec'
    i=0
    while [ "$i" -lt "$args" ]; do
        eval "v=\$arg_$i"
        printf ' '; quoted "$v"
        i=$((i + 1))
    done
    printf ' </dev/null >>'; quoted "$dir/log"; printf ' 2>&1\n'
} > "$dir/run"
[ -z "$user" ] || chown -R -- "$user" "$dir"
if [ -n "$unit" ]; then
    {
        printf '[Unit]\nDescription=provision: %s\n[Service]\nType=exec\n' "$mark"
        [ -z "$user" ] || printf 'User=%s\n' "$user"
        printf 'ExecStart=/bin/sh "%s/run"\nKillMode=control-group\nTimeoutStopSec=20\n' "$dir"
        printf 'LimitNOFILE=1048576\nLimitMEMLOCK=infinity\nTasksMax=infinity\n'
    } > "/run/systemd/system/$unit"
    chmod 644 "/run/systemd/system/$unit"
    systemctl daemon-reload && systemctl start -- "$unit" || { journal; gave_up "systemd does not start $unit" 20; }
else
    as=''
    [ -z "$user" ] || [ "$user" = "$(id -un)" ] ||
        as="setpriv --reuid=$user --regid=$(id -g -- "$user") --init-groups --"
    setsid $as env -i /bin/sh "$dir/run" </dev/null >>"$dir/log" 2>&1 &
fi
n=0
until read_stamp && alive; do
    [ "$n" -lt 50 ] || { journal; gave_up "it ended at once"; }
    n=$((n + 1)); sleep 0.1
done
"""
