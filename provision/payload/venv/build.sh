# Builds an environment, mends packages of it, or switches to it.
# shellcheck disable=SC2209 # the mode's name

finished() { [ -x "$env/bin/python" ] && [ -f "$env/.provision" ] && read -r built < "$env/.provision" && [ "$built" = "$digest" ]; } 2>/dev/null
# The system says of both that there is no space.
inodes() {
    df -Pi -- "$envs" 2>/dev/null | { read -r _; read -r _ _ _ free _; [ "$free" != 0 ] || echo "no inodes are left" >&2; }
}
give_up() {
    inodes
    take_back
    [ -z "$offline" ] || rm -rf -- "$cache"
    rm -rf -- "$inbox"
    exit 1
}
# The environment that is being replaced comes back where its successor could not be built.
aside=$envs/.was-$tag.$short
set_aside() {
    if finished; then
        rm -rf -- "$aside"
        mv -T -- "$env" "$aside"
    else
        discard "$env"
    fi
}
take_back() {
    [ -d "$aside" ] || return 0
    rm -rf -- "$env"
    mv -T -- "$aside" "$env"
}

ours_alone
mkdir -p "$envs" "$root/bin"
( umask 077; mkdir -p "$cache" )
ours_alone
# With sudo, root builds it and the user who logged in runs it; what else lies here guards itself.
[ "$(id -u)" -ne 0 ] || chmod go+rx "$root" "$envs"
exclusive || exit
# Another host that shares the folder came first, so that this one has sent nothing yet.
if [ "$mode" = build ] && [ -n "$follows" ] && ! finished; then
    echo "environment $short was not built by the host that shares $root" >&2
    echo "lacking=*"
    rm -rf -- "$cache"
    exit 75
fi
# It was there when the host was looked at, which is a while ago: nothing is linked to that is gone since.
if [ "$mode" = link ] && ! finished; then
    echo "environment $short was here and is gone: run it again" >&2
    rm -rf -- "$cache"
    exit 1
fi
can_run || give_up
uv=${found_uv:-$root/bin/uv-$uv_version}
if [ -f "$inbox/uv" ]; then
    [ ! -d "$uv" ] || discard "$uv"
    chmod 700 "$inbox/uv"
    mv -f -- "$inbox/uv" "$uv"
elif [ "$mode" != link ] && [ -z "$found_uv" ] && ! "$uv" --version >/dev/null 2>&1; then
    # Ours of before, and it is not what was sent any more: it is asked for again, which it was not as long as it lay here.
    discard "$uv"
    printf 'lacking=uv\nuv=lost\n'
    (cd "$inbox" && stat -c 'sent=%s %n' -- *) 2>/dev/null || :
    echo "${uv##*/} below $root cannot be run" >&2
    rm -rf -- "$cache"
    exit 75
fi
where_from
if [ "$mode" = build ] && finished; then mode=link; fi
case "$mode" in
    build|rebuild) build_all || give_up ;;
    repair) mend_some || give_up ;;
esac
if [ "$mode" != link ]; then
    [ "$(installed)" -eq "$total" ] || { echo "uv installed $(installed) of $total packages" >&2; give_up; }
    matters=$(try_imports 600) || give_up
    printf '%s\n%s\n%s\n%s\n%s\n' "$digest" "$cluster" "$(interpreter)" "$sealed" "$matters" > "$env/.provision.new"
    mv -f -- "$env/.provision.new" "$env/.provision"
    rm -rf -- "$aside"
fi
# What is proved meanwhile may show that it is not to be used.
if [ -n "$ahead" ]; then
    rm -f -- "$env/.lock" "$root/python/.lock"
    rm -rf -- "$cache" "$inbox"
    rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
    exit 0
fi
[ -d "$envs/.users-$cluster" ] || rm -f -- "$envs/.users-$cluster"
[ -f "$envs/.users-$cluster/$host" ] || rm -rf -- "$envs/.users-$cluster/$host"
mkdir -p -- "$envs/.users-$cluster"
: > "$envs/.users-$cluster/$host"
# uv lets everybody write to its locks, whatever the umask.
rm -f -- "$env/.lock" "$root/python/.lock"
ln -sfn -- "$short" "$envs/.current-$tag"
[ -h "$envs/current-$cluster" ] || discard "$envs/current-$cluster"
mv -Tf -- "$envs/.current-$tag" "$envs/current-$cluster"
rm -rf -- "$cache" "$inbox"
rmdir -- "$root/cache" "$root/uploads" 2>/dev/null || :
