#!/bin/sh
# A stand-in for NVIDIA's container toolkit, for provision's lab hosts alone: Docker calls it before the first process of a
# container that was asked for with `--gpus`, with the container's state on standard input. It puts the stand-ins for
# nvidia-smi and NVML into the container; there is no GPU, and no driver.

set -e
bundle=$(sed -n 's/.*"bundle": *"\([^"]*\)".*/\1/p')
root=$(sed -n 's/.*"root": *{[^}]*"path": *"\([^"]*\)".*/\1/p' "$bundle/config.json")
[ -d "$root" ] || { echo "the stand-in for NVIDIA's toolkit finds no root in $bundle" >&2; exit 1; }
for file in /usr/bin/nvidia-smi /usr/lib/libnvidia-ml.so.1 /etc/provision-lab/gpus.conf; do
    mkdir -p "$root${file%/*}"
    cp "$file" "$root$file"
done
