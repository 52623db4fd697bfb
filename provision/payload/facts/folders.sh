# Who else could change what lies in our folder, or in the model's.

echo "@folders"
# Whoever has made a folder has named it.
one_line() { tr '\n' ' ' && echo; }
value=$(strangers "$root" "$uid")
# What is below it is run and believed, too, and may have been left open, or be another user's, from the time before
# `root` was made safe. Links are ours, or an administrator's way to another disk. Models have owners of their own, as the
# folders of services had.
if [ -z "$value" ]; then
    IFS=$newline; set -f
    for line in $(cd -- "$root" 2>/dev/null && find bin python envs clusters -maxdepth 2 \
        \( -path 'bin/*' -o -path 'python/*/*' -o -path 'envs/*/*' \) -prune -o \
        \( -type l ! -name '*current-*' -o -type d \( ! -user "$uid" -o -perm /022 \) \) -print 2>/dev/null); do
        IFS=$old_ifs
        value=$(strangers "$root/$line" "$uid")
        [ -z "$value" ] || break
    done
    set +f; IFS=$old_ifs
fi
# What is no folder, as a file of that name, or a link that leads nowhere: nothing can be put below it.
for line in "$root" "$root/bin" "$root/clusters" "$root/envs" "$root/models"; do
    [ -z "$value" ] && [ ! -d "$line" ] || continue
    if [ -e "$line" ]; then value="folder|$(stat -L -c '%a|%U|%G' -- "$line")|$line"
    elif [ -h "$line" ]; then value="links|-|-|-|$line"
    fi
done
[ -z "$value" ] || printf 'root|%s' "$value" | one_line
# Whoever logged in reads the model, also where sudo does the work; or the user who services run as.
[ -z "$run_as" ] || reader=$(id -u -- "$run_as" 2>/dev/null)
value=
[ -z "$model" ] || value=$(strangers "$model" "$uid $SUDO_UID $reader")
[ -z "$value" ] || printf 'model|%s' "$value" | one_line
