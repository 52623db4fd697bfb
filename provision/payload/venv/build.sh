# Builds an environment, mends packages of it, or switches to it.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2209 # the mode's name

finished() { [ -x "$env/bin/python" ] && read -r built < "$env/.provision" && [ "$built" = "$digest" ]; } 2>/dev/null
count() { [ -e "$1" ] || [ -h "$1" ] || set --; echo $#; }
installed() { count "$env"/lib/python3*/site-packages/*.dist-info; }
moving() {
    done=$(installed)
    if [ "$done" -ge "$total" ] && [ -n "$compile" ]; then echo "compiling bytecode"
    elif [ "$done" -gt 0 ] && [ "$mode" != repair ]; then echo "installed $done of $total packages"
    else echo "unpacked $(count "$cache"/archive-v*/*) of $total packages"
    fi
}
# Runs a command with its words kept in the log, and says every now and then how far it is.
watched() {
    "$@" > "$cache/log" 2>&1 &
    job=$!
    last=
    while kill -0 $job 2>/dev/null; do
        now=$(moving)
        [ "$now" = "$last" ] || say "$now"
        last=$now
        sleep 0.3 2>/dev/null || sleep 1
    done
    wait $job && return 0
    cat "$cache/log" >&2
    return 1
}
give_up() {
    [ -z "$offline" ] || rm -rf -- "$cache"
    rm -rf -- "$inbox"
    exit 1
}
find_python() {
    "$uv" python find --system "$version" >/dev/null 2>&1 && return 0
    if [ -z "$offline" ]; then
        say "fetching Python $version"
        "$uv" python install --no-bin "$version" > "$cache/log" 2>&1 && return 0
        cat "$cache/log" >&2
    fi
    there=$("$uv" python list --only-installed 2>/dev/null | sed -n "s/^cpython-\([0-9.]*\).*/\1/p" | sort -u)
    echo "Python $version is not on this host (found:" ${there:-none}")" >&2
    return 1
}
sweep() { find_judge && printf '%s\n' "$program" | "$judge" -I -S -B - "$env" sweep; }
# Mending names just what drifted: `sync` looks at all the rest again, and refuses an installed wheel whose tags say
# another platform than its file name did.
install_packages() {
    if [ "$mode" = repair ]; then
        [ -z "$extra" ] || "$uv" pip uninstall --quiet --python "$env/bin/python" $extra || return 1
        [ -n "$mend" ] || return 0
        set -- pip install --no-deps --reinstall -r "$env/provision.mend"
        printf %s "$mend" > "$env/provision.mend"
    else
        set -- pip sync "$env/provision.lock"
    fi
    set -- "$@" --quiet --python "$env/bin/python" --require-hashes
    [ -z "$compile" ] || set -- "$@" --compile-bytecode
    if [ -n "$offline" ]; then
        mkdir -p "$inbox"
        set -- "$@" --offline --no-config --no-index --find-links "$inbox"
    else
        [ -z "$torch_backend" ] || set -- "$@" --torch-backend "$torch_backend"
        [ -z "$default_index" ] || export UV_DEFAULT_INDEX="$default_index"
        # To uv, the default index is the last one: where there are others, the main one is named once more, before them.
        [ -z "$more_indexes" ] \
            || export UV_INDEX="${default_index:-${UV_DEFAULT_INDEX:-https://pypi.org/simple}} $more_indexes"
        # URLs may hold passwords, which an argument list would show to everybody.
        [ -z "$links" ] || export UV_FIND_LINKS="$links"
        export UV_INDEX_STRATEGY="$index_strategy"
    fi
    watched "$uv" "$@"
}

ours_alone
mkdir -p "$envs" "$root/bin"
( umask 077; mkdir -p "$cache" )
ours_alone
# With sudo, root builds it and the user who logged in runs it; what else lies here guards itself.
[ "$(id -u)" -ne 0 ] || chmod go+rx "$root" "$envs"
exclusive
uv=${found_uv:-$root/bin/uv-$uv_version}
if [ -f "$inbox/uv" ]; then
    chmod 700 "$inbox/uv"
    mv -f -- "$inbox/uv" "$uv"
fi
# The cache is this build's own and goes when it ends: files that share an inode with it would change together.
export UV_CACHE_DIR="$cache" UV_PYTHON_INSTALL_DIR="$root/python" UV_NO_PROGRESS=1
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH UV_EXTRA_INDEX_URL
if [ "$mode" = build ] && finished; then mode=link; fi
case "$mode" in
    build|rebuild)
        find_python || give_up
        discard "$env"
        "$uv" venv --quiet --no-project --no-python-downloads \
            --python "$version" "$env" 2> "$cache/log" || { cat "$cache/log" >&2; give_up; }
        ;;
esac
if [ "$mode" != link ]; then
    # Without its mark it is unfinished, for whoever looks after an interruption.
    rm -f -- "$env/.provision"
    printf %s "$requirements" > "$env/provision.lock"
    install_packages || give_up
    [ -z "$sweep" ] || sweep || give_up
    rm -f -- "$env/provision.mend"
    [ "$(installed)" -eq "$total" ] || { echo "uv installed $(installed) of $total packages" >&2; give_up; }
    "$env/bin/python" -c '' || give_up
    printf '%s\n%s\n%s\n' "$digest" "$cluster" "$(interpreter)" > "$env/.provision.new"
    mv -f -- "$env/.provision.new" "$env/.provision"
fi
# uv lets everybody write to its locks, whatever the umask.
rm -f -- "$env/.lock" "$root/python/.lock"
ln -sfn -- "$short" "$envs/.current-$tag"
mv -Tf -- "$envs/.current-$tag" "$envs/current-$cluster"
rm -rf -- "$cache" "$inbox"
rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
