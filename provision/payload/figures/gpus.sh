# What the GPUs are doing, for node_exporter's textfile collector: written whole or not at all into the folder $1, from
# where node_exporter reads it. For hosts without DCGM; run by a timer or by cron.

folder=${1:-/var/lib/prometheus/node-exporter}
new=$folder/.provision_gpus.$$
trap 'rm -f -- "$new"' EXIT
umask 022
said=$(timeout 20 nvidia-smi --query-gpu=index,uuid,name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw \
    --format=csv,noheader,nounits 2>&1)
code=$?
{
    echo "# HELP provision_gpu_collected Whether nvidia-smi answered."
    echo "# TYPE provision_gpu_collected gauge"
    if [ "$code" -eq 0 ]; then echo "provision_gpu_collected 1"; else echo "provision_gpu_collected 0"; fi
    [ "$code" -ne 0 ] || printf '%s\n' "$said" | awk -F ', ' '
        # What a GPU does not tell ([N/A], [Not Supported]) is left out.
        function put(family, number, factor) {
            if (number ~ /^[0-9]+([.][0-9]+)?$/) lines[family] = lines[family] sprintf("%s{%s} %.3f\n", family, labels, number * factor)
        }
        NF == 8 && $1 ~ /^[0-9]+$/ {
            gsub(/[\\"]/, "_", $2); gsub(/[\\"]/, "_", $3)
            labels = sprintf("gpu=\"%s\",uuid=\"%s\",name=\"%s\"", $1, $2, $3)
            put("provision_gpu_memory_used_bytes", $4, 1048576)
            put("provision_gpu_memory_total_bytes", $5, 1048576)
            put("provision_gpu_utilization_ratio", $6, 0.01)
            put("provision_gpu_temperature_celsius", $7, 1)
            put("provision_gpu_power_watts", $8, 1)
        }
        END { for (family in lines) printf "# HELP %s As nvidia-smi has it.\n# TYPE %s gauge\n%s", family, family, lines[family] }'
} > "$new" && chmod 644 "$new" && mv -f -- "$new" "$folder/provision_gpus.prom"
