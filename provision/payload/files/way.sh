# `closed PATH` prints the first folder on the way to a path that the user cannot enter, behind its owner and mode and a
# bar; nothing if there is none, or the way leads nowhere.

closed() {
    rest=$1/ at='' hops=0
    while [ -n "$rest" ]; do
        name=${rest%%/*} rest=${rest#*/}
        case $name in ''|.) continue ;; ..) at=${at%/*}; continue ;; esac
        if [ -h "$at/$name" ] && [ "$hops" -lt 40 ]; then
            hops=$((hops + 1)) target=$(readlink -- "$at/$name")
            case $target in /*) at='' ;; esac
            rest=$target/$rest
            continue
        fi
        at=$at/$name
        [ -e "$at" ] || return 0
        [ ! -d "$at" ] || [ -x "$at" ] || { stat -c '%U, mode %a|%n' -- "$at"; return 0; }
    done
}
