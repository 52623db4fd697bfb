#!/bin/sh
# A model on several hosts in containers of an image that all of them have, as with vLLM's run_cluster.sh: `docker run` on
# the head and on each worker, vllm serve in the head's, and waiting for the first answer. No checks, no proofs.
#
#   docker_by_hand.sh up|down FOLDER HEAD [WORKER …]
#
# FOLDER holds: ssh_config, image (its id), environment (NAME='value' lines, for Ray and vLLM).
# shellcheck disable=SC2154 # what hosts.sh assigns
set -eu
# shellcheck source=hosts.sh
. "${0%/*}/hosts.sh"

if [ "$step" = down ]; then
    stop() { there "$1" 'docker rm -f node-by-hand' >/dev/null 2>&1 || :; }
    all stop
    exit 0
fi

# shellcheck disable=SC1091 # made by contained.py
. "$folder/environment"
given=$(sed -n "s/^\([A-Z_0-9]*\)='\(.*\)'$/-e \1='\2'/p" "$folder/environment" | tr '\n' ' ')
node() {
    there "$1" "docker run -d --name node-by-hand --network host --ipc host --gpus all -v $MODEL:$MODEL:ro $given \
        -e VLLM_HOST_IP=$1 -e GLOO_SOCKET_IFNAME=eth0 $(cat "$folder/image") \
        sh -c 'ulimit -n \$(ulimit -Hn); exec ray start --block $2 --node-ip-address=$1 --num-cpus=1 \
        --object-store-memory=100000000 --disable-usage-stats'" >/dev/null
}
node "$head" "--head --port=6379 --include-dashboard=false"
until there "$head" "docker exec node-by-hand ray status" >/dev/null 2>&1; do sleep 1; done
join() { [ "$1" = "$head" ] || node "$1" "--address=$head:6379"; }
all join
until [ "$(there "$head" "docker exec node-by-hand ray status 2>/dev/null" | grep -c ' node_')" -eq $# ]; do sleep 1; done
said ray

there "$head" "docker exec -d -e RAY_ADDRESS=$head:6379 node-by-hand sh -c 'exec vllm serve \$MODEL \
    --served-model-name tiny --distributed-executor-backend ray --tensor-parallel-size \$TP --pipeline-parallel-size \$PP \
    --host $head --port 8000 --enforce-eager --max-model-len 256 --max-num-seqs 4 >/tmp/log 2>&1'"
answered
