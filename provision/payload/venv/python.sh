# Which Python looks at an environment, after files/trust.sh: never the environment's own, which may be what somebody
# changed.

# `judge`: a Python outside of the environment that nobody else could change, new enough for what it is given.
find_judge() {
    judge='' me=$(id -u)
    IFS=:
    for place in $PATH "$root"/python/*/bin "$HOME"/.local/share/uv/python/*/bin; do
        unset IFS
        minor=40
        try_judge "$place/python3" && return 0
        while [ "$minor" -gt 7 ]; do
            minor=$((minor - 1))
            try_judge "$place/python3.$minor" && return 0
        done
    done
    unset IFS
    echo "there is no Python outside of the environment to look at it with" >&2
    return 1
}
try_judge() {
    [ -x "$1" ] || return 1
    judge=$(readlink -f -- "$1") || return 1
    case $judge in "$env"/*|*/shims/*) return 1 ;; esac
    [ -z "$(strangers "$judge" "$me")" ] || return 1
    "$judge" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null
}
# What `bin/python` of the environment is: its hash, and where it leads. Read, and not run.
interpreter() {
    leads=$(readlink -f -- "$env/bin/python") && [ -f "$leads" ] && hash=$(sha256sum -- "$leads" 2>/dev/null) || return 1
    hash=${hash#\\}
    echo "${hash%% *} $leads"
}
# Prints nothing if the interpreter is the one that the environment was built with. The system's own may have been updated
# since, where it lies.
another_interpreter() {
    now=$(interpreter) || { echo "its Python is missing"; return 0; }
    leads=${now#* } built='' home=''
    { read -r _; read -r _; read -r built; } < "$env/.provision"
    [ "$now" != "$built" ] || return 0
    if [ -z "$built" ]; then
        # Older versions did not write it down, but where uv found it.
        while read -r key _ value; do [ "$key" != home ] || home=$value; done < "$env/pyvenv.cfg"
        [ -z "$home" ] || [ "$(readlink -f -- "$home")" != "${leads%/*}" ] || return 0
    elif [ "${built#* }" = "$leads" ]; then
        case $leads in "$env"/*) ;; *) [ -n "$(strangers "$leads" 0)" ] || return 0 ;; esac
    fi
    echo "its Python is another program"
}
