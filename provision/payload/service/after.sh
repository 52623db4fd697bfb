# Written into the folder of a service that stays up, behind `wait_until_ready` and `watch`, and run by systemd, as root where that makes the unit,
# after each start. The first start has `up` to wait for it, and is watched once it has done its work. Later ones are
# waited for here: one that does not do its work in time is ended, and started once more. What watches goes on after this
# has ended, as a process of the unit: it ends with it.
# shellcheck disable=SC2015 # whichever of the two fails, it is not there

exec </dev/null
umask 077
cd / && read_stamp && alive || exit 1
begin_anew() { say "$1: starting again"; ctl restart --no-block -- "$unit"; }
if [ -e "$first_time/provision-first.conf" ]; then
    { until grep -qs '^ready=' "$dir/stamp"; do sleep 1; done; watch; } &
    exit 0
fi
watch &
# What it says is for whoever watches an `up`; and what it has to show of the log is there.
if ! ( wait_until_ready ) >/dev/null 2>&1; then say "it does not do its work"; exit 1; fi
mark_ready
