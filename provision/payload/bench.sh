# A load on the served model, with the environment of its server (environment.sh). The result file has every request's
# text and times; only what is asked for comes back. The key reaches it where its clients look for one
# (vllm/benchmarks/lib/endpoint_request_func.py).

ours_listens "$address" "$port" || { echo "port $port is not held by the server that was started" >&2; exit 1; }
out=$(mktemp -d) || exit 1
trap 'rm -rf -- "$out"' EXIT
cd "$out" || exit 1
export_environment
export OPENAI_API_KEY="$api_key" NO_PROXY='*' no_proxy='*' VLLM_NO_USAGE_STATS=1
set --
i=0
while [ "$i" -lt "$args" ]; do eval "set -- \"\$@\" \"\$arg_$i\""; i=$((i + 1)); done
echo "::progress loading vllm bench serve"
"$python/bin/vllm" bench serve "$@" --result-dir "$out" --result-filename result.json > log 2>&1
rc=$?
[ -s result.json ] || { tail -n 30 log >&2; [ "$rc" != 0 ] || rc=1; exit "$rc"; }
printf '%s\n' "$program" | "$python/bin/python" -I -
