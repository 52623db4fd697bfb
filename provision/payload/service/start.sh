# Starts a service. Its environment goes through a 0600 file, not through env(1), whose arguments everyone can read.
# The runtime runs `begin`, or opens `run` and `log` for the service and has `begin` record it.
# shellcheck disable=SC2015 # whichever of the two fails, it said why
# shellcheck disable=SC2016 # written for the shell that runs the file

own_folder && own_scratch || exit 1
umask 077
rm -f -- "$dir/stamp" "$dir/tries" "$dir/began" "$dir/unit" 2>/dev/null
# A folder, say, that somebody has put in the place of one of ours: nothing could be written there, time and again.
for file in stamp stamp.new tries began unit log log.1 run begin before after secrets secrets.new members; do
    { [ -f "$dir/$file" ] && [ ! -h "$dir/$file" ]; } || rm -rf -- "${dir:?}/$file"
done
[ ! -f "$dir/log" ] || mv -f -- "$dir/log" "$dir/log.1"
: > "$dir/log"
quoted() { printf "'"; printf %s "$1" | sed "s/'/'\\\\''/g"; printf "'"; }
{
    printf 'cd /\n'
    i=0
    while [ "$i" -lt "$names" ]; do
        eval "n=\$name_$i v=\$value_$i"
        printf 'export %s=' "$n"; quoted "$v"; echo
        i=$((i + 1))
    done
    printf 'ulimit -n "$(ulimit -Hn)" 2>/dev/null\n'
    printf 'exec'
    i=0
    while [ "$i" -lt "$args" ]; do
        eval "v=\$arg_$i"
        printf ' '; quoted "$v"
        i=$((i + 1))
    done
    printf ' </dev/null\n'
} > "$dir/run"
keep_secrets || exit 1
# A program in the service's folder: the variables `$2`, those that begin with `$3` under the names behind it, and `$4`.
program() {
    {
        for n in $2; do eval "v=\$$n"; printf '%s=' "${n#"$3"}"; quoted "$v"; echo; done
        printf '%s\n' "$4"
    } > "$dir/$1"
}
program begin 'dir stamp user runtime contained' '' "$begin"
if [ -n "$before" ]; then
    program before "$before_names" before_ "$before"
    program after "$after_names" after_ "$after"
fi
"${runtime}_start" || { "${runtime}_said"; gave_up "$runtime does not start it"; }
n=0
until read_stamp && alive; do
    [ "$n" -lt 50 ] || { "${runtime}_said"; gave_up "it ended at once"; }
    n=$((n + 1)); sleep 0.1
done
