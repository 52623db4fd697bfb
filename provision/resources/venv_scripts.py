"""What `Venv` runs on a host. Variables come from `Venv`; `tag` is this host's own name for its work."""

from __future__ import annotations

#: Signs in what a failed build printed (lower case) → what to do.
HINTS = (
    ("is not on this host", "install that Python on the host, or set python.version to one that every host has"),
    ("no space left", "free some space on the host, or set `root` to a folder on a larger disk"),
    ("disk quota exceeded", "free some space on the host, or set `root` to a folder on a larger disk"),
    ("permission denied", "let the user write to `root` on the host, or set `root` to a folder of its own"),
    ("hash mismatch", "the index serves another file than the one that was locked: run `provision lock`"),
    (
        "failed to fetch",
        "the host cannot reach the index: set `python.wheels: controller`, and the controller sends them",
    ),
    ("dns error", "the host cannot reach the index: set `python.wheels: controller`, and the controller sends them"),
    ("exec format error", "set python.platform to the hosts' architecture"),
    ("glibc", "set python.platform to the oldest glibc among the hosts, then run `provision lock`"),
)

PROBE = r"""
env=$root/envs/$short
if [ -h "$root/envs/current-$cluster" ]; then
    # Comparing costs less than a readlink; what is not the same place is asked for its name.
    if [ "$root/envs/current-$cluster" -ef "$env" ]; then echo "current=$short"
    else echo "current=$(readlink "$root/envs/current-$cluster")"
    fi
elif [ ! -d "$env" ]; then exit 0
fi
[ -x "$root/bin/uv-$uv_version" ] && echo "uv=sent"
# Where that of the lock has not been built yet, the one in use tells what the host is like now.
[ -d "$env" ] || env=$root/envs/current-$cluster
[ -d "$env" ] || exit 0
for link in "$root"/envs/current-*; do
    [ "$link" != "$root/envs/current-$cluster" ] && [ -h "$link" ] || continue
    [ "$link" -ef "$env" ] && echo "shared=yes"
done
finished=no python=
[ -x "$env/bin/python" ] && [ -f "$env/.provision" ] && read -r finished < "$env/.provision"
echo "finished=$finished"
if [ -f "$env/pyvenv.cfg" ]; then
    while read -r key _ value; do
        [ "$key" = version_info ] && python=$value
    done < "$env/pyvenv.cfg"
    # A host's own Python may be updated below an environment, which goes on to name the old one: asked is only one
    # that is younger than that word.
    set -- $([ -h "$env/bin/python" ] && stat -L -c %Z "$env/bin/python" "$env/pyvenv.cfg" 2>/dev/null)
    if [ "${1:-0}" -gt "${2:-0}" ]; then
        asked=$("$env/bin/python" -I -S -B -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
        python=${asked:-$python}
    fi
    echo "python=$python"
fi
for site in "$env"/lib/python3*/site-packages; do
    # All names on one line, which is less for the controller to take in than hundreds.
    [ -d "$site" ] && cd "$site" && set -- *.dist-info *.egg-info && IFS=/ && echo "dist=$*"
done
unset IFS
"""

# A folder is removed under another name: nobody finds half of it, and two hosts that share it do not meet.
_SHARED = r"""
set -e
umask 022
case "$root" in /?*) ;; *) echo "root must be an absolute path, not $root" >&2; exit 1 ;; esac
case "$short$cluster$tag" in ''|*/*) echo "not a name: $short $cluster $tag" >&2; exit 1 ;; esac
envs=$root/envs
env=$envs/$short
inbox=$root/uploads/$tag
cache=$root/cache/$tag
say() { printf '::progress %s\n' "$*"; }
discard() {
    [ -d "$1" ] || return 0
    gone="$envs/.gone-$tag-${1##*/}"
    rm -rf -- "$gone"
    mv -T -- "$1" "$gone" 2>/dev/null || return 0
    rm -rf -- "$gone"
}
exclusive() {
    command -v flock >/dev/null 2>&1 || return 0
    exec 9> "$envs/.lock"
    flock -n 9 || { say "waiting for another host that works on the same folder"; flock 9; }
}
"""

BUILD = (
    _SHARED
    + r"""
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
        for link in $links; do set -- "$@" --find-links "$link"; done
        [ -z "$torch_backend" ] || set -- "$@" --torch-backend "$torch_backend"
        [ -z "$default_index" ] || export UV_DEFAULT_INDEX="$default_index"
        [ -z "$more_indexes" ] || export UV_INDEX="$more_indexes"
    fi
    watched "$uv" "$@"
}

mkdir -p "$envs" "$cache" "$root/bin"
# With sudo, root builds it and the user who logged in runs it; what else lies here guards itself.
[ "$(id -u)" -ne 0 ] || chmod go+rx "$root" "$envs"
exclusive
uv=${found_uv:-$root/bin/uv-$uv_version}
if [ -f "$inbox/uv" ]; then
    chmod 755 "$inbox/uv"
    mv -f -- "$inbox/uv" "$uv"
fi
# The cache is this build's own and goes when it ends: files that share an inode with it would change together.
export UV_CACHE_DIR="$cache" UV_PYTHON_INSTALL_DIR="$root/python" UV_NO_PROGRESS=1
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH
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
    printf '%s\n%s\n' "$digest" "$cluster" > "$env/.provision.new"
    mv -f -- "$env/.provision.new" "$env/.provision"
fi
ln -sfn -- "$short" "$envs/.current-$tag"
mv -Tf -- "$envs/.current-$tag" "$envs/current-$cluster"
rm -rf -- "$cache" "$inbox"
rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
"""
)

# Also what earlier locks of this cluster left, unless another cluster uses it.
REMOVE = (
    _SHARED
    + r"""
[ -d "$envs" ] || exit 0
exclusive
target=$(readlink "$envs/current-$cluster" || :)
rm -f -- "$envs/current-$cluster"
for place in "$envs"/*; do
    name=${place##*/}
    [ -d "$place" ] && [ ! -h "$place" ] || continue
    owner=
    [ -f "$place/.provision" ] && { read -r _; read -r owner; } < "$place/.provision"
    [ "$owner" = "$cluster" ] || [ "$name" = "$short" ] || [ "$name" = "$target" ] || continue
    used=
    for link in "$envs"/current-*; do
        [ -h "$link" ] && [ "$(readlink "$link")" = "$name" ] && used=yes
    done
    [ -n "$used" ] || { say "removing environment $name"; discard "$place"; }
done
rm -rf -- "$inbox" "$cache" "$envs"/.gone-"$tag"-* "$envs/.current-$tag"
for place in "$envs"/* "$envs"/.gone-*; do
    [ -e "$place" ] || [ -h "$place" ] || continue
    exit 0
done
# Nobody has an environment here any more: what was only there to build them goes too.
rm -rf -- "$root"/bin/uv-* "$root/python"
rm -f -- "$envs/.lock"
rmdir -- "$envs" "$root/bin" "$root/cache" "$root/uploads" "$root" 2>/dev/null || :
"""
)
