# shellcheck shell=sh disable=SC2034 # for the script that reads it
# The head of by_hand.sh and docker_by_hand.sh: SCRIPT up|down FOLDER HEAD [WORKER …], commands on one host and on all at
# once, and how long each part took.
step=$1 folder=$2
shift 2
head=$1
there() { ssh -F "$folder/ssh_config" "$@"; }
all() { for host in $hosts; do "$1" "$host" & jobs="$jobs $!"; done; for job in $jobs; do wait "$job"; done; jobs=; }
hosts=$* jobs=
said() { now=$(date +%s.%N); echo "$1 $began $now"; began=$now; }
began=$(date +%s.%N)
answered() {
    body='{"model": "tiny", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}'
    until curl -sf --noproxy '*' -H 'Content-Type: application/json' -d "$body" "http://$head:8000/v1/chat/completions" >/dev/null; do
        sleep 1
    done
    said vllm
}
