#!/bin/sh
# A model on several hosts, brought up as a person would who has written it down: files to all hosts, uv, ray start, vllm
# serve, and waiting for the first answer. No checks, no proofs, nothing that could be run twice.
#
#   by_hand.sh up|down FOLDER HEAD [WORKER …]
#
# FOLDER holds: ssh_config, uv, requirements.txt, wheels/, environment (NAME='value' lines, for Ray and vLLM); and model/, if
# it is to be sent.
# shellcheck disable=SC2154 # what hosts.sh assigns
set -eu
# shellcheck source=hosts.sh
. "${0%/*}/hosts.sh"

if [ "$step" = down ]; then
    stop() { there "$1" 'pkill -f "[v]llm serve|[V]LLM::"; by-hand/env/bin/ray stop --force >/dev/null 2>&1; rm -rf by-hand .cache/uv /tmp/ray' || :; }
    all stop
    exit 0
fi

install() {
    there "$1" 'mkdir -p by-hand'
    tar -cf - -C "$folder" uv requirements.txt wheels environment | there "$1" 'tar -xf - -C by-hand'
    there "$1" 'cd by-hand && ./uv venv -q --python 3.11 env &&
        ./uv pip install -q --python env/bin/python --offline --no-index --find-links wheels --no-deps --require-hashes -r requirements.txt'
}
all install
said environment

if [ -d "$folder/model" ]; then
    weights() { tar -cf - -C "$folder" model | there "$1" 'tar -xf - -C by-hand'; }
    all weights
    said weights
fi

ray() {
    there "$1" "set -a; . by-hand/environment; VLLM_HOST_IP=$1 GLOO_SOCKET_IFNAME=eth0
        exec by-hand/env/bin/ray start $2 --node-ip-address=$1 --num-cpus=1 --object-store-memory=100000000 \
            --disable-usage-stats" >/dev/null 2>&1 </dev/null
}
ray "$head" "--head --port=6379 --include-dashboard=false"
join() { [ "$1" = "$head" ] || ray "$1" --address="$head:6379"; }
all join
said ray

there "$head" "set -a; . by-hand/environment; VLLM_HOST_IP=$head GLOO_SOCKET_IFNAME=eth0 RAY_ADDRESS=$head:6379
    nohup by-hand/env/bin/vllm serve \"\$MODEL\" --served-model-name tiny --distributed-executor-backend ray \
        --tensor-parallel-size \$TP --pipeline-parallel-size \$PP --host $head --port 8000 \
        --enforce-eager --max-model-len 256 --max-num-seqs 4 >by-hand/log 2>&1 </dev/null &"
answered
