# Puts packages into an environment, after shared.sh, python.sh and sealed.sh.
# shellcheck disable=SC2046,SC2086 # split into words on purpose

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
quiet() { "$@" > "$cache/log" 2>&1 || { cat "$cache/log" >&2; return 1; }; }
find_python() {
    "$uv" python find --system "$version" >/dev/null 2>&1 && return 0
    if [ -f "$inbox/python.tar.gz" ]; then
        unpack_python && return 0
    elif [ -z "$offline" ]; then
        say "fetching Python $version"
        quiet "$uv" python install --no-bin "$version" && return 0
    fi
    there=$("$uv" python list --only-installed 2>/dev/null | sed -n "s/^cpython-\([0-9.]*\).*/\1/p" | sort -u)
    echo "Python $version is not on this host (found:" ${there:-none}")" >&2
    return 1
}
# One that was sent, which uv is told to find where it lies, by a URL.
unpack_python() {
    say "unpacking Python $version"
    from=$(printf %s "$inbox" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')
    (
        export UV_PYTHON_INSTALL_MIRROR="file://$from"
        quiet "$uv" python install --no-bin --offline --python-downloads-json-url "$inbox/python.json" "$version"
    )
}
make_frame() { quiet "$uv" venv --quiet --no-project --no-python-downloads "$@" --python "$version" "$env"; }
# Where packages come from. URLs may hold passwords, which an argument list would show to everybody.
where_from() {
    if [ -n "$offline" ]; then
        mkdir -p "$inbox"
        return 0
    fi
    [ -z "$torch_backend" ] || export UV_TORCH_BACKEND="$torch_backend"
    [ -z "$default_index" ] || export UV_DEFAULT_INDEX="$default_index"
    # To uv, the default index is the last one: where there are others, the main one is named once more, before them.
    [ -z "$more_indexes" ] || export UV_INDEX="${default_index:-https://pypi.org/simple} $more_indexes"
    # Wheels that only the controller has were sent.
    for wheel in "$inbox"/*.whl; do
        [ ! -f "$wheel" ] || { links=$inbox${links:+,$links}; break; }
    done
    [ -z "$links" ] || export UV_FIND_LINKS="$links"
    export UV_INDEX_STRATEGY="$index_strategy"
}
# What uv finds is ready and verified in its cache before anything is removed. It is told what to install, and not to
# `sync`: that looks at all the rest again, and refuses an installed wheel whose tags say another platform than its file
# name did.
install() { # more options
    set -- pip install --quiet --no-deps --no-build --require-hashes --python "$env/bin/python" "$@"
    [ -z "$offline" ] || set -- "$@" --offline --no-index --find-links "$inbox"
    watched "$uv" "$@"
}
compiling() { [ -z "$compile" ] || echo --compile-bytecode; }
# A Python to look at the environment with: from outside of it, or its own where that is the one it was built with.
find_reader() {
    find_judge 2>/dev/null && return 0
    [ -z "$(another_interpreter)" ] && judge=$env/bin/python
}
records() { printf '%s\n' "$program" | "$judge" -I -S -B - "$@"; }
build_all() {
    find_python || return 1
    set_aside
    make_frame || return 1
    printf %s "$requirements" > "$env/provision.lock"
    printf %s "$origin" > "$env/.provision.packages"
    judge=$env/bin/python
    take_over || return 1
    if [ -s "$cache/anew" ]; then install -r "$cache/anew" $(compiling) || return 1
    elif [ -n "$compile" ]; then
        say "compiling bytecode"
        # What is not Python's any more is somebody's test of it.
        "$env/bin/python" -I -m compileall -q -j 0 "$env"/lib/python3*/site-packages >/dev/null 2>&1 || :
    fi
    sealed=$(records seal "$env" "$took_from" "$cache/anew")
}
# What is the same in the environment of before is neither fetched nor written again. `unsent`: packages that were not
# sent, since they should be the same there; what lacks then is asked for.
take_over() {
    printf %s "$requirements" > "$cache/anew"
    took_from=
    case $base in ''|.*|*/*) ;; *)
        if [ -f "$envs/$base/.provision" ]; then
            say "taking over what is the same in environment $base"
            records reuse "$env" "$envs/$base" "$compile" > "$cache/anew" || return 1
            took_from=$envs/$base
        fi ;;
    esac
    lacking=
    for name in $unsent; do
        ! grep -q "^$name==" "$cache/anew" || lacking="$lacking $name"
    done
    [ -n "$lacking" ] || return 0
    printf 'lacking=%s\nuv=sent\n' "${lacking# }"
    (cd "$inbox" && stat -c 'sent=%s %n' -- *) 2>/dev/null
    echo "environment $base no longer has what was to be taken over:$lacking" >&2
    rm -rf -- "$cache"
    exit 75
}
# Names just what drifted. What a look found is put right without a look at the rest.
mend_some() {
    sealed=
    { read -r _; read -r _; read -r _; read -r sealed; } < "$env/.provision" || :
    if [ -n "$frame" ]; then
        find_python || return 1
        say "making the environment's own files again"
        drop_frame
        rm -rf -- "$env/.provision.packages"
        make_frame --allow-existing || return 1
    fi
    find_reader || { echo "there is no Python to look at the environment with" >&2; return 1; }
    if [ -n "$mend" ]; then
        printf %s "$mend" > "$cache/mend"
        install --target "$cache/staged" -r "$cache/mend" || return 1
    fi
    records clear "$env" "$mended" "$extra" "$cache/staged" || return 1
    [ -f "$env/provision.lock" ] || rm -rf -- "$env/provision.lock"
    printf %s "$requirements" > "$env/provision.lock"
    # What is installed now need not be of the same kind.
    if [ ! -f "$env/.provision.packages" ] || ! printf %s "$origin" | cmp -s - "$env/.provision.packages"; then
        rm -rf -- "$env/.provision.packages"
    fi
    [ -z "$mend" ] || install -r "$cache/mend" $(compiling) || return 1
    [ -z "$sweep" ] || records sweep "$env" || return 1
    [ -z "$sealed" ] || sealed=$(records reseal "$env" "$sealed" "$mended" "$frame")
}
# What is a link by now would be written through.
drop_frame() {
    rm -rf -- "$env"/bin/python "$env"/bin/python3 "$env"/bin/python3.[0-9]* "$env"/bin/activate "$env"/bin/activate[._]*
    rm -rf -- "$env/bin/deactivate.bat" "$env/bin/pydoc.bat" "$env/pyvenv.cfg" "${env:?}/lib64"
    rm -rf -- "$env"/lib/python3*/site-packages/_virtualenv.py "$env"/lib/python3*/site-packages/_virtualenv.pth
}
