#!/bin/sh
# shellcheck disable=SC1007 # several variables are emptied in one line
# shellcheck disable=SC2086 # split into words on purpose
# A stand-in nvidia-smi, for provision's lab hosts alone: it answers from a file, there is no GPU behind it.
# The file says what it shows and how it fails; `fault` and `hang` are set by tests.

# It starts no other program: every lab host calls it on every check.

conf=${PROVISION_LAB_GPUS:-/etc/provision-lab/gpus.conf}
newline='
'
count=0 name= memory=0 used=0 driver= cuda= cap= link=NV18 seed=00000000 fault= exit=9 hang=0 cells= apps=
while IFS='=' read -r key value; do
    case $key in
    count | name | memory | used | driver | cuda | cap | link | seed | fault | exit | hang) eval "$key=\$value" ;;
    cell) cells=$cells$newline$value ;; # index or *, field, value
    app) apps=$apps$newline$value ;;    # pid, index, MiB, name
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

known=" index name gpu_name uuid gpu_uuid serial count driver_version vbios_version compute_cap pci.bus_id \
gpu_bus_id memory.total memory.free memory.used memory.reserved persistence_mode compute_mode mig.mode.current \
ecc.mode.current ecc.errors.uncorrected.volatile.total retired_pages.pending remapped_rows.pending \
remapped_rows.failure clocks_event_reasons.active clocks_throttle_reasons.active clocks.max.sm \
pcie.link.gen.current pcie.link.gen.max pcie.link.width.current pcie.link.width.max fabric.state fabric.status \
temperature.gpu utilization.gpu utilization.memory power.draw power.limit power.default_limit pstate \
display_active "

unit_of() { # the unit that follows the number of this field
    case $1 in
    memory.*) unit=MiB ;;
    utilization.*) unit=% ;;
    power.*) unit=W ;;
    clocks.*) unit=MHz ;;
    *) unit= ;;
    esac
}

uuid() { printf 'GPU-%s-0000-4000-8000-%012x' "$seed" "$1"; }
bus() { printf '00000000:%02X:00.0' $((16 + $1 * 8)); }

used_of() { # index of the GPU: `taken` MiB
    taken=$used
    [ -n "$apps" ] || return 0
    while IFS=' ' read -r pid gpu mib name_of; do
        if [ "$gpu" = "$1" ]; then taken=$((taken + mib)); fi
    done <<EOF
$apps
EOF
}

given() { # index of the GPU, field: what a test has put into this cell
    case $cells$newline in
    *"$newline$1 $2 "*) given=${cells##*"$newline$1 $2 "} ;;
    *"$newline* $2 "*) given=${cells##*"$newline* $2 "} ;;
    *) return 1 ;;
    esac
    given=${given%%"$newline"*}
}

cell() { # field, index of the GPU, unit: printed
    if [ -n "$cells" ] && given "$2" "$1"; then
        printf %s "$given"
        return
    fi
    case $1 in
    index) cell=$2 ;;
    name | gpu_name) cell=$name ;;
    uuid | gpu_uuid) uuid "$2" && return ;;
    pci.bus_id | gpu_bus_id) bus "$2" && return ;;
    count) cell=$count ;;
    driver_version) cell=$driver ;;
    vbios_version) cell=96.00.74.00.01 ;;
    compute_cap) cell=$cap ;;
    memory.total) cell=$memory ;;
    memory.free) used_of "$2" && cell=$((memory - taken)) ;;
    memory.used) used_of "$2" && cell=$taken ;;
    memory.reserved | utilization.*) cell=0 ;;
    persistence_mode | ecc.mode.current) cell=Enabled ;;
    mig.mode.current | display_active) cell=Disabled ;;
    compute_mode) cell=Default ;;
    ecc.errors.*) cell=0 ;;
    remapped_rows.*) cell=0 ;;
    clocks.max.sm) cell=1980 ;;
    clocks_*) cell=0x0000000000000000 ;;
    pcie.link.gen.*) cell=5 ;;
    pcie.link.width.*) cell=16 ;;
    fabric.state) cell=Completed ;;
    fabric.status) cell=Success ;;
    temperature.gpu) cell=31 ;;
    power.draw) cell=70.12 ;;
    power.limit | power.default_limit) cell=700.00 ;;
    pstate) cell=P0 ;;
    *) cell='[N/A]' ;;
    esac
    printf %s "$cell${3:+ $3}"
}

no_devices() {
    [ "$count" -gt 0 ] && return
    echo "No devices were found"
    exit 6
}

query() { # fields separated by commas, format
    old_ifs=$IFS IFS=,
    set -- "$2" $1
    IFS=$old_ifs format=$1
    shift
    for field; do
        case $known in
        *" $field "*) ;;
        *)
            printf 'Field "%s" is not a valid field to query.\n\n' "$field"
            exit 2
            ;;
        esac
    done
    no_devices
    case ,$format, in
    *,noheader,*) ;;
    *)
        comma=
        for field; do
            unit_of "$field"
            printf %s "$comma$field${unit:+ [$unit]}"
            comma=', '
        done
        echo
        ;;
    esac
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        if [ -z "$only" ] || [ "$only" = "$gpu" ]; then
            comma= row=$gpu
            for field; do
                unit_of "$field"
                case ,$format, in *,nounits,*) unit= ;; esac
                printf %s "$comma"
                cell "$field" "$row" "$unit"
                comma=', '
            done
            echo
            gpu=$row
        fi
        gpu=$((gpu + 1))
    done
}

compute_apps() { # fields, format: what a test says that computes here
    old_ifs=$IFS IFS=,
    set -- "$2" $1
    IFS=$old_ifs format=$1
    shift
    case ,$format, in
    *,noheader,*) ;;
    *)
        comma=
        for field; do
            case $field in used_memory) field='used_gpu_memory [MiB]' ;; esac
            printf %s "$comma$field"
            comma=', '
        done
        echo
        ;;
    esac
    [ -n "$apps" ] || return 0
    while IFS=' ' read -r pid gpu mib name_of; do
        [ -n "$pid" ] || continue
        comma=
        for field; do
            printf %s "$comma"
            comma=', '
            case $field in
            pid) printf %s "$pid" ;;
            gpu_uuid) uuid "$gpu" ;;
            gpu_bus_id) bus "$gpu" ;;
            gpu_name) printf %s "$name" ;;
            used_memory | used_gpu_memory) printf '%s MiB' "$mib" ;;
            process_name | name) printf %s "$name_of" ;;
            *) printf '[N/A]' ;;
            esac
        done
        echo
    done <<EOF
$apps
EOF
}

list() {
    no_devices
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        head_of "$gpu"
        gpu=$((gpu + 1))
    done
}

head_of() {
    printf 'GPU %d: %s (UUID: ' "$1" "$name"
    uuid "$1"
    echo ')'
}

nvlink() { # 26.562 GB/s each, as many as the topology says; a test takes some of one GPU down
    no_devices
    gpu=0
    while [ "$gpu" -lt "$count" ]; do
        head_of "$gpu"
        given "$gpu" nvlink.down || given=0
        lane=0
        while [ "${link#NV}" != "$link" ] && [ "$lane" -lt "${link#NV}" ]; do
            [ "$lane" -lt "$given" ] && speed='<inactive>' || speed='26.562 GB/s'
            printf '\t Link %d: %s\n' "$lane" "$speed"
            lane=$((lane + 1))
        done
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
            [ "$other" = "$gpu" ] && printf '\t X ' || printf '\t%s' "$link"
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
        printf '| %3d  %-34s On  |   ' "$gpu" "$name"
        bus "$gpu"
        printf ' Off |%19s |\n' 0
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
    nvlink) action=nvlink ;;
    -m | -s) ;;
    --version)
        printf 'NVIDIA-SMI version  : %s (stand-in)\nNVML version        : %s\n' "$driver" "${driver%.*}"
        printf 'DRIVER version      : %s\nCUDA Version        : %s\n' "$driver" "$cuda"
        exit 0
        ;;
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
