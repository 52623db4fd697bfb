#!/bin/sh
# A model on several hosts in containers of an image that all of them have, as with vLLM's run_cluster.sh: `docker run` on
# the head and on each worker, vllm serve in the head's, and waiting for the first answer. Before it, in containers that
# are gone afterwards, what a careful person tries first: whether vLLM takes its arguments, and an all-reduce. No checks.
# What vLLM keeps in its cache is there the next time, as it is in the home folder that provision's containers see.
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
serve="serve $MODEL --served-model-name tiny --distributed-executor-backend ray --tensor-parallel-size $TP \
--pipeline-parallel-size $PP --host $head --port 8000 --enforce-eager --max-model-len 256 --max-num-seqs 4"
contained() {
    there "$1" "docker run $2 --network host --ipc host --gpus all -v $MODEL:$MODEL:ro -v by-hand-cache:/root/.cache $given \
        -e VLLM_HOST_IP=$1 -e GLOO_SOCKET_IFNAME=eth0 $(cat "$folder/image") $3"
}

contained "$head" "--rm -i" "python3 - $serve" >/dev/null <<'END'
import sys

from vllm.entrypoints.cli import main, serve

serve.ServeSubcommand.cmd = staticmethod(print)  # instead of serving
sys.argv[0] = "vllm"
main.main()
END
reduce() {
    rank=0
    for one in $hosts; do [ "$one" != "$1" ] || break; rank=$((rank + 1)); done
    contained "$1" "--rm -i" "python3 - $head $rank $count" <<'END' >/dev/null
import sys
import time

import torch
import torch.distributed as dist

head, rank, world = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo", init_method=f"tcp://{head}:29500", rank=rank, world_size=world)
numbers = torch.ones(16 << 20)
dist.all_reduce(numbers)
assert numbers[0] == world
began = time.monotonic()
dist.all_reduce(numbers)
print(f"64 MiB in {time.monotonic() - began:.3f} s")
dist.destroy_process_group()
END
}
count=$#
all reduce
said proofs

node() {
    contained "$1" "-d --name node-by-hand" "sh -c 'ulimit -n \$(ulimit -Hn); exec ray start --block $2 \
        --node-ip-address=$1 --num-cpus=1 --object-store-memory=100000000 --disable-usage-stats'" >/dev/null
}
node "$head" "--head --port=6379 --include-dashboard=false"
until there "$head" "docker exec node-by-hand ray status" >/dev/null 2>&1; do sleep 1; done
join() { [ "$1" = "$head" ] || node "$1" "--address=$head:6379"; }
all join
until [ "$(there "$head" "docker exec node-by-hand ray status 2>/dev/null" | grep -c ' node_')" -eq $# ]; do sleep 1; done
said ray

there "$head" "docker exec -d -e RAY_ADDRESS=$head:6379 node-by-hand sh -c 'exec vllm $serve >/tmp/log 2>&1'"
answered
