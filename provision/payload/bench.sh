# A load on the served model, with the environment of its server (environment.sh), and as the user who that runs as: the
# tokenizer comes from a folder of that user's, with its code if that is asked for, and so do the caches. The result file
# has every request's text and times; only what is asked for comes back. The key reaches it by descriptor 3
# (bench_start.py).
# shellcheck disable=SC2016 # for the shell with that user's rights

ours_listens "$address" "$port" || { echo "port $port is not held by the server that was started" >&2; exit 1; }
cd / || exit 1
[ -z "$home" ] || export HOME="$home"
out=$(as_user mktemp -d) || exit 1
trap 'as_user rm -rf -- "$out"' EXIT
export_environment
# torch keeps things in the temporary folder, under a name that anyone could take first.
export TMPDIR="$out" CERTIFICATE="$certificate" NO_PROXY='*' no_proxy='*' VLLM_NO_USAGE_STATS=1
set --
i=0
while [ "$i" -lt "$args" ]; do eval "set -- \"\$@\" \"\$arg_$i\""; i=$((i + 1)); done
echo "::progress loading vllm bench serve"
load() {
    exec 3<&0
    printf '%s\n' "$begin" | as_user sh -c 'cd -- "$1" && shift && exec "$@" > log 2>&1' sh "$out" \
        "$python/bin/python" - bench serve "$@" --result-dir "$out" --result-filename result.json
}
printf %s "$api_key" | load "$@"
rc=$?
as_user sh -c 'cd -- "$1" && { [ -s result.json ] || { tail -c 65536 log | tail -n 30 >&2; exit 1; }; }' sh "$out" ||
    { [ "$rc" != 0 ] || rc=1; exit "$rc"; }
printf '%s\n' "$program" | as_user sh -c 'cd -- "$1" && exec "$2" -I -' sh "$out" "$python/bin/python"
