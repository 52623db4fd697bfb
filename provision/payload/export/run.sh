# Part of an export. Starts and stops the services of this host without systemd: run.sh start|stop|status. `start` waits
# for the other hosts where it has to, so it is run on all of them at once. What belongs to a service is what has its mark
# in the environment, and nothing else is ever ended.
# shellcheck disable=SC2154 # the values are those of host.sh

here=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
# shellcheck disable=SC1091 # made for each host
. "$here/host.sh"
cd / || exit 1
logs=$folder/log

# `ours SERVICE`: process ids.
ours() { grep -lszxF -- "EXPORTED_SERVICE=$mark/$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
# As the user of the services, with nothing of our own environment but who that is.
clean() {
    if [ -n "$user" ] && [ "$user" != "$(id -un)" ]; then
        setpriv --reuid="$user" --regid="$(id -g -- "$user")" --init-groups --no-new-privs -- env -i "EXPORTED_SERVICE=$mark/$1" "HOME=$home" "USER=$user" /bin/sh < "$2"
    else env -i "EXPORTED_SERVICE=$mark/$1" "HOME=$HOME" "USER=$(id -un)" /bin/sh < "$2"; fi
}
begin() {
    if [ -n "$(ours "$1")" ]; then echo "$1 runs already"; return; fi
    echo "$1: starting"
    if [ -e "$here/$1.wait.sh" ]; then clean "$1-wait" "$here/$1.wait.sh" || { echo "$1 was not started" >&2; return 1; }; fi
    [ ! -f "$logs/$1.log" ] || mv -f -- "$logs/$1.log" "$logs/$1.log.1"
    ( umask 077; : > "$logs/$1.log" ) || return 1
    # A session of its own outlives this one.
    setsid /bin/sh "$here/run.sh" foreground "$1" </dev/null >> "$logs/$1.log" 2>&1 &
    n=0
    until [ -n "$(ours "$1")" ]; do
        [ "$n" -lt 50 ] || { echo "$1 ended at once; its log is $logs/$1.log" >&2; return 1; }
        n=$((n + 1)); sleep 0.1
    done
    [ -e "$here/$1.ready.sh" ] || return 0
    clean "$1-ready" "$here/$1.ready.sh" & asking=$!
    while kill -0 "$asking" 2>/dev/null; do
        if [ -z "$(ours "$1")" ]; then
            kill "$asking" 2>/dev/null
            echo "$1 ended while it was starting; the last lines of $logs/$1.log:" >&2
            tail -n 40 -- "$logs/$1.log" >&2
            return 1
        fi
        sleep 1
    done
    wait "$asking"
}
finish() {
    left=$(ours "$1")
    [ -n "$left" ] || { echo "$1 does not run"; return; }
    n=0
    while left=$(ours "$1"); [ -n "$left" ]; do
        # shellcheck disable=SC2086 # process ids
        [ "$n" -lt 300 ] || { echo "$1: these processes do not end:" $left >&2; return 1; }
        # shellcheck disable=SC2086 # process ids
        if [ "$n" = 0 ]; then kill -- $left 2>/dev/null; elif [ "$n" -ge 150 ]; then kill -KILL -- $left 2>/dev/null; fi
        n=$((n + 1)); sleep 0.1
    done
    echo "$1: stopped"
}

case $1 in
    start)
        /bin/sh "$here/install.sh" folders || exit 1
        for s in $services; do begin "$s" || exit 1; done
        echo "$host: all of $services runs" ;;
    stop) for s in $stops; do finish "$s" || exit 1; done ;;
    status)
        code=0
        for s in $services; do
            if [ -n "$(ours "$s")" ]; then echo "$s runs"; else echo "$s does not run"; code=3; fi
        done
        exit "$code" ;;
    foreground) clean "$2" "$here/$2.sh" ;;
    *) echo "usage: run.sh start|stop|status" >&2; exit 2 ;;
esac
