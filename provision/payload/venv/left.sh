# What no environment that is in use needs, each with why on a line: environments of locks before, builds that broke
# off, what was sent for them, and what was about to be removed. Only where nobody can be building: `exclusive` says so.

linked() {
    for link in "$envs"/*; do
        # Wherever it lies by name: somebody may have made an absolute one.
        [ -h "$link" ] && [ "$link" -ef "$envs/$1" ] && return 0
    done
    return 1
}
# An `up` that failed before it stopped anything leaves services that run from what was there before, and start from it
# again; and what the last good start ran is what `rollback` goes back to. `run`: of a service, on whichever of the hosts
# that share the folder.
needed() { # an environment's name, a cluster that does not count; sets `by`, the cluster that needs it
    for place_of in "$root"/clusters/*; do
        by=${place_of##*/}
        [ "$by" != "$2" ] || continue
        for file in "$place_of"/*/*/run; do [ -f "$file" ] && grep -qsF -- "/envs/$1/" "$file" && return 0; done
        for file in "$place_of"/*/vllm/last-good.json; do
            [ -f "$file" ] && grep -qsF -- "# digest: $1" "$file" && return 0
        done
    done
    return 1
}
# Environments that a process on this host runs from, which may be a person's own.
running() {
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/maps 2>/dev/null | tr '\0' '\n' |
        sed -n 's|.*/envs/\([0-9a-f]\{12\}\)/.*|\1|p' | sort -u
}
leftovers() {
    command -v flock >/dev/null 2>&1 || return 0
    runs=$(running)
    for place in "$envs"/*; do
        if [ ! -d "$place" ] || [ -h "$place" ] || linked "${place##*/}" || needed "${place##*/}" ''; then continue; fi
        case " $(echo "$runs" | tr '\n' ' ') " in *" ${place##*/} "*) continue ;; esac
        owner=
        [ -f "$place/.provision" ] && { read -r _; read -r owner; } < "$place/.provision"
        if [ "$owner" = "$cluster" ]; then printf '%s\tan environment that is not in use\n' "$place"
        elif [ ! -f "$place/.provision" ] && [ -f "$place/pyvenv.cfg" ] && [ -f "$place/provision.lock" ]; then
            printf '%s\ta build that broke off\n' "$place"
        fi
    done
    for place in "$envs"/.gone-* "$envs"/.current-*; do
        if [ -e "$place" ] || [ -h "$place" ]; then printf '%s\thalf removed\n' "$place"; fi
    done
    # Of this cluster, and none whose name ends in the same way: before it stand the twelve digits of a lock. Older
    # versions had dashes there, as names may.
    for place in "$root"/uploads/????????????."$cluster.$host" "$root"/cache/????????????."$cluster.$host" \
        "$root"/uploads/????????????-"$cluster-$host" "$root"/cache/????????????-"$cluster-$host"; do
        if [ -d "$place" ]; then printf '%s\tof a build that broke off\n' "$place"; fi
    done
}
