# Removes an environment, also what earlier locks of this cluster left, unless another cluster uses it.

[ -d "$envs" ] || exit 0
ours_alone
exclusive || { [ -d "$envs" ] || exit 0; exit 1; }
target=$(readlink "$envs/current-$cluster" || :)
rm -f -- "$envs/current-$cluster"
for place in "$envs"/*; do
    name=${place##*/}
    [ -d "$place" ] && [ ! -h "$place" ] || continue
    owner=
    [ -f "$place/.provision" ] && { read -r _; read -r owner; } < "$place/.provision"
    [ "$owner" = "$cluster" ] || [ "$name" = "$short" ] || [ "$name" = "$target" ] || continue
    used=
    ! needed "$name" "$cluster" || used=yes
    for link in "$envs"/current-*; do
        [ -h "$link" ] && [ "$link" -ef "$place" ] && used=yes by=${link##*/current-}
    done
    if [ -z "$used" ]; then
        say "removing environment $name"
        discard "$place"
    elif [ "$name" = "$short" ]; then printf '::kept it stays, since the cluster %s uses it\n' "$by"
    else printf '::kept environment %s stays, since the cluster %s uses it\n' "$name" "$by"
    fi
done
rm -rf -- "$envs/.users-$cluster" "$inbox" "$cache" "$envs"/.gone-"$tag".* "$envs"/.was-"$tag".* "$envs/.current-$tag"
# As older versions called it, with a lock's twelve digits at both ends.
rm -rf -- "$envs"/.was-????????????-"$cluster-$host"-????????????
leftovers | while IFS="$(printf '\t')" read -r place _; do rm -rf -- "$place"; done
for place in "$envs"/* "$envs"/.gone-* "$envs"/.was-*; do
    [ -e "$place" ] || [ -h "$place" ] || continue
    exit 0
done
# Nobody has an environment here any more: what was only there to build them goes too.
rm -rf -- "$root"/bin/uv-* "$root/python"
rm -f -- "$envs/.lock"
rmdir -- "$envs" "$root/bin" "$root/cache" "$root/uploads" 2>/dev/null || :
