# Many processes in few programs. What /proc separates by NULs is cut up on the controller. Paths and variables are those
# of any user here: a newline in one does not begin a line of ours.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC1007 # several variables are emptied in one line

started() { # a pid: the clock ticks from the host's start to its own, behind the name, which may hold blanks
    { read -r line < "/proc/$1/stat"; } 2>/dev/null || return 0
    pid=$1
    set -f; set -- ${line##*")"}; set +f
    echo "started $pid ${20}"
}
about() { # pids: their owners, files, marks and commands, as far as they may be seen
    [ $# -gt 0 ] || return 0
    for pid in "$@"; do started "$pid"; done
    files= marks= commands= groups= last=
    for pid in "$@"; do
        files="$files /proc/$pid/exe" marks="$marks /proc/$pid/environ" commands="$commands /proc/$pid/cmdline"
        groups="$groups /proc/$pid/cgroup"
    done
    LC_ALL=C ls -ldq $files 2>/dev/null
    # Of a container, by its id.
    grep -asHE '[0-9a-f]{64}' $groups
    commands=$(
        {
            grep -asz '^PROVISION_SERVICE=' /dev/null $marks | tr '\n' ' '
            echo
            grep -as '' /dev/null $commands
        } 2>/dev/null | tr '\0' "$separator"
    )
    printf '%s\n' "$commands"
    IFS=$newline; set -f
    for line in $commands; do
        pid=${line#/proc/} command=${line#*:}
        environment=${command%%"$separator"*}
        case "$command" in
            */ray/core/src/ray/*) environment=${environment%%/lib/python3*} ;;
            *"/bin/vllm$separator"*)
                environment=${command%%"/bin/vllm$separator"*}
                environment=${environment##*"$separator"}
                ;;
            */bin/python*vllm.entrypoints*) environment=${environment%/bin/python*} ;;
            *) continue ;;
        esac
        if [ "$environment" != "$last" ]; then
            last=$environment installed=
            set +f
            for place in "$environment"/lib/python3*/*-packages/ray-[0-9]*.dist-info \
                "$environment"/lib/python3*/*-packages/vllm-[0-9]*.dist-info; do
                [ -d "$place" ] && installed="$installed ${place##*/}"
            done
            set -f
        fi
        echo "installed ${pid%%/*}$installed"
    done
    set +f; IFS=$old_ifs
}
