# What is known of an environment from names and two small files.
# shellcheck disable=SC2046 # split into words on purpose
# shellcheck disable=SC2094 # `-nt` writes nothing

env=$root/envs/$short
# What has arrived for a build that has not begun, or broke off: it is not sent again.
if [ -d "$root/uploads/$tag" ]; then (cd "$root/uploads/$tag" && stat -c 'sent=%s %n' -- *) 2>/dev/null; fi
built=no
[ ! -f "$env/.provision" ] || { read -r built < "$env/.provision"; } 2>/dev/null || :
[ "$built" = "$digest" ] || { ask_index; ask_for_python; }
sharer=''
[ -z "$others" ] || sharer=$(sharing "$root" "$cluster" "$others")
[ -z "$sharer" ] || echo "kept=$sharer"
if [ -h "$root/envs/current-$cluster" ]; then
    # Comparing costs less than a readlink; what is not the same place is asked for its name.
    if [ "$root/envs/current-$cluster" -ef "$env" ]; then echo "current=$short"
    else echo "current=$(readlink "$root/envs/current-$cluster")"
    fi
elif [ ! -d "$env" ]; then exit 0
fi
[ -x "$root/bin/uv-$uv_version" ] && echo "uv=sent"
[ ! -d "$env" ] || echo "there=yes"
# Where that of the lock has not been built yet, the one in use tells what the host is like now.
[ -d "$env" ] || env=$root/envs/current-$cluster
[ -d "$env" ] || exit 0
for link in "$root"/envs/current-*; do
    [ "$link" != "$root/envs/current-$cluster" ] && [ -h "$link" ] || continue
    [ "$link" -ef "$env" ] && echo "shared=yes"
done
# What of the environment in use a new one may be made of is not sent again.
[ "$root/envs/current-$cluster" -ef "$root/envs/$short" ] || {
    base=$(readlink "$root/envs/current-$cluster") && [ -f "$root/envs/$base/.provision" ] &&
        [ -f "$root/envs/$base/.provision.packages" ] &&
        held=$(cat "$root/envs/$base/.provision.packages" 2>/dev/null) &&
        printf 'base=%s\nheld=%s\n' "$base" "$(printf %s "$held" | tr '\n' /)"
}
finished=no python='' home='' apart='' built=''
[ -f "$env/.provision" ] && { read -r finished; read -r _; read -r built; } < "$env/.provision"
# What is this one by its word, and lies elsewhere, is not used from there.
[ "$finished" != "$digest" ] || [ "$env" = "$root/envs/$short" ] || finished=elsewhere
echo "finished=$finished"
if [ -f "$env/pyvenv.cfg" ]; then
    while read -r key _ value; do
        case $key in version_info) python=$value ;; home) home=$value ;; include-system-site-packages) apart=$value ;; esac
    done < "$env/pyvenv.cfg"
    # A host's own Python may be updated below an environment, which goes on to name the old one: asked is only one
    # that is younger than that word, and the one that it was built with, elsewhere, where nobody else could change it.
    set -- $([ -h "$env/bin/python" ] && stat -L -c %Z "$env/bin/python" "$env/pyvenv.cfg" 2>/dev/null)
    if [ "${1:-0}" -gt "${2:-0}" ]; then
        asked=''
        host_python=$(readlink -f -- "$env/bin/python")
        # Where that is not known, uv wrote down where it found it.
        [ -n "$built" ] || [ "$(readlink -f -- "$home")" != "${host_python%/*}" ] || built="- $host_python"
        case $host_python in "$env"/*) built='' ;; esac
        [ "${built#* }" != "$host_python" ] || [ -n "$(strangers "$host_python" "$(id -u)")" ] ||
            asked=$("$host_python" -I -S -B -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
        python=${asked:-$python}
    fi
    echo "python=$python"
fi
# What makes it an environment of its own.
frame=''
case $apart in
    false) ;;
    [Tt][Rr][Uu][Ee]*) frame="pyvenv.cfg lets packages of the host in" ;;
    *) frame="pyvenv.cfg is not as uv writes it" ;;
esac
[ -n "$home" ] && [ -n "$python" ] || frame="pyvenv.cfg names no Python"
# Older versions did not write down which one it was.
[ -z "$built" ] || [ "$env/bin/python" -ef "${built#* }" ] || frame="bin/python is another program"
[ -x "$env/bin/python" ] || frame="bin/python is missing"
[ -z "$frame" ] || echo "frame=$frame"
# That it can import what it is for was seen when it was built. It is tried again where one of those files is younger, with
# the Python that it was built with.
if [ "$finished" = "$digest" ]; then
    {
        read -r _; read -r _; read -r _; read -r _
        younger=''
        while read -r package file; do
            if [ -h "$env/$file" ] || [ ! -f "$env/$file" ]; then echo "lost=$package/${file#lib/python3*/site-packages/}"
            elif [ "${file#bin/}" != "$file" ] && [ ! -x "$env/$file" ]; then echo "barred=$package/$file"
            elif [ "$env/$file" -nt "$env/.provision" ]; then younger=yes
            fi
        done
    } < "$env/.provision"
    if [ -n "$younger" ] && [ -z "$frame" ] &&
        [ -z "$(another_interpreter)$(strangers "$env" "$(id -u)")" ]; then
        said=$(try_imports 40 2>&1 >/dev/null) || printf 'broken=%s\n' "$(printf '%s\n' "$said" | tail -n 1)"
    fi
fi
for site in "$env"/lib/python3*/site-packages; do
    # All names on one line, which is less for the controller to take in than hundreds.
    [ -d "$site" ] && cd "$site" && set -- *.dist-info *.egg-info && IFS=/ && echo "dist=$*"
done
unset IFS
