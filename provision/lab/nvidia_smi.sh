#!/bin/sh
# A stand-in nvidia-smi, for provision's lab hosts alone: it answers from a file, there is no GPU behind it.
# The file says what it shows and how it fails; `fault` and `hang` are set by tests.

conf=${PROVISION_LAB_GPUS:-/etc/provision-lab/gpus.conf}
count=0 name= memory=0 used=0 driver= cuda= cap= seed=00000000 fault= exit=9 hang=0
while IFS='=' read -r key value; do
    case $key in
    count | name | memory | used | driver | cuda | cap | seed | fault | exit | hang) eval "$key=\$value" ;;
    esac
done <"$conf" || exit 9

# A real one hangs in the kernel, where no polite signal reaches it.
if [ "$hang" = 1 ]; then
    trap '' TERM INT HUP
    exec sleep 2147483647
fi
if [ -n "$fault" ]; then
    printf '%b\n' "$fault"
    exit "$exit"
fi

known="index name gpu_name uuid gpu_uuid serial count driver_version compute_cap pci.bus_id gpu_bus_id
memory.total memory.free memory.used memory.reserved persistence_mode compute_mode mig.mode.current
ecc.mode.current ecc.errors.uncorrected.volatile.total retired_pages.pending remapped_rows.pending
remapped_rows.failure clocks_event_reasons.active clocks_throttle_reasons.active pcie.link.gen.current
pcie.link.gen.max pcie.link.width.current pcie.link.width.max fabric.state fabric.status temperature.gpu
utilization.gpu utilization.memory power.draw power.limit pstate display_active"

unit_of() { # the unit that follows the number of this field
    case $1 in
    memory.*) unit=MiB ;;
    utilization.*) unit=% ;;
    power.*) unit=W ;;
    *) unit= ;;
    esac
}

uuid_of() { uuid=$(printf 'GPU-%s-0000-4000-8000-%012x' "$seed" "$1"); }
bus_of() { bus=$(printf '00000000:%02X:00.0' $((16 + $1 * 8))); }

cell() { # field, index of the GPU
    case $1 in
    index) cell=$2 ;;
    name | gpu_name) cell=$name ;;
    uuid | gpu_uuid) uuid_of "$2" && cell=$uuid ;;
    pci.bus_id | gpu_bus_id) bus_of "$2" && cell=$bus ;;
    count) cell=$count ;;
    driver_version) cell=$driver ;;
    compute_cap) cell=$cap ;;
    memory.total) cell=$memory ;;
    memory.free) cell=$((memory - used)) ;;
    memory.used) cell=$used ;;
    memory.reserved | utilization.*) cell=0 ;;
    persistence_mode | ecc.mode.current) cell=Enabled ;;
    mig.mode.current | display_active) cell=Disabled ;;
    compute_mode) cell=Default ;;
    ecc.errors.*) cell=0 ;;
    remapped_rows.*) cell=0 ;;
    clocks_*) cell=0x0000000000000000 ;;
    pcie.link.gen.*) cell=5 ;;
    pcie.link.width.*) cell=16 ;;
    fabric.state) cell=Completed ;;
    fabric.status) cell=Success ;;
    temperature.gpu) cell=31 ;;
    power.draw) cell=70.12 ;;
    power.limit) cell=700.00 ;;
    pstate) cell=P0 ;;
    *) cell='[N/A]' ;;
    esac
}

row() { # separated by ", "
    [ -z "$line" ] && line=$1 || line="$line, $1"
}

no_devices() {
    [ "$count" -gt 0 ] && return
    echo "No devices were found"
    exit 6
}

query() { # fields separated by commas, format
    fields=$(printf %s "$1" | tr ',' ' ')
    for field in $fields; do
        case " $(echo $known) " in
        *" $field "*) ;;
        *)
            printf 'Field "%s" is not a valid field to query.\n\n' "$field"
            exit 2
            ;;
        esac
    done
    no_devices
    line=
    for field in $fields; do
        unit_of "$field"
        row "$field${unit:+ [$unit]}"
    done
    case ,$2, in *,noheader,*) ;; *) printf '%s\n' "$line" ;; esac
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        if [ -z "$only" ] || [ "$only" = "$gpu" ]; then
            line=
            for field in $fields; do
                cell "$field" "$gpu"
                unit_of "$field"
                case ,$2, in *,nounits,*) unit= ;; esac
                row "$cell${unit:+ $unit}"
            done
            printf '%s\n' "$line"
        fi
        gpu=$((gpu + 1))
    done
}

compute_apps() { # fields, format: nothing computes on a stand-in
    case ,$2, in *,noheader,*) ;; *) printf '%s\n' "$1" | sed 's/,/, /g; s/used_memory/used_gpu_memory [MiB]/' ;; esac
}

list() {
    no_devices
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        uuid_of "$gpu"
        printf 'GPU %d: %s (UUID: %s)\n' "$gpu" "$name" "$uuid"
        gpu=$((gpu + 1))
    done
}

topology() {
    no_devices
    printf '\t\033[4mGPU0'
    gpu=1
    while [ "$gpu" -lt "$count" ]; do
        printf '\tGPU%d' "$gpu"
        gpu=$((gpu + 1))
    done
    printf '\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\033[0m\n'
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        printf 'GPU%d' "$gpu"
        other=0
        while [ "$other" -lt "$count" ]; do
            [ "$other" = "$gpu" ] && printf '\t X ' || printf '\tNV18'
            other=$((other + 1))
        done
        printf '\t0-1\t0\t\tN/A\n'
        gpu=$((gpu + 1))
    done
    printf '\nLegend:\n\n  X    = Self\n  NV#  = Connection traversing a bonded set of # NVLinks\n'
}

table() {
    no_devices
    rule='+-----------------------------------------------------------------------------------------+'
    text="NVIDIA-SMI $driver              Driver Version: $driver      CUDA Version: $cuda"
    printf '%s\n| %-87s |\n%s\n' "$rule" "$text" "$rule"
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        bus_of "$gpu"
        printf '| %3d  %-34s On  |   %s Off |%19s |\n' "$gpu" "$name" "$bus" 0
        printf '| N/A   31C    P0              70W /  700W | %8dMiB / %7dMiB |      0%%     Default |\n' \
            "$used" "$memory"
        gpu=$((gpu + 1))
    done
    printf '%s\n\n%s\n| %-87s |\n| %-87s |\n%s\n' \
        "$rule" "$rule" 'Processes:' ' No running processes found' "$rule"
}

help_query() {
    echo 'List of valid properties to query for the switch "--query-gpu=":'
    for field in $known; do printf '\n"%s"\nA property of the stand-in.\n' "$field"; done
}

action=table fields= format= only=
while [ $# -gt 0 ]; do
    case $1 in
    --query-gpu=*) action=query fields=${1#*=} ;;
    --query-compute-apps=*) action=compute_apps fields=${1#*=} ;;
    --format=*) format=${1#*=} ;;
    --help-query-gpu) action=help_query ;;
    -L | --list-gpus) action=list ;;
    -i) only=$2 && shift ;;
    --id=*) only=${1#*=} ;;
    topo) action=topology ;;
    -m) ;;
    --version) printf 'NVIDIA-SMI version  : %s (stand-in)\n' "$driver" && exit 0 ;;
    *)
        printf 'Invalid combination of input arguments. Please run "nvidia-smi -h" for help.\n\n'
        exit 1
        ;;
    esac
    shift
done
case $action in
query | compute_apps) "$action" "$fields" "$format" ;;
*) "$action" ;;
esac
