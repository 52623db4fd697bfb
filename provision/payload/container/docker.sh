# What Docker's client says of the daemon.
# shellcheck disable=SC2154 # comes with the script
# shellcheck disable=SC2016 # what Docker fills in

# As services start theirs (program.sh): no variable of the login's, and none of its contexts. Another daemon would have the
# image. What `docker login` has kept is read as ever.
unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH
DOCKER_CONTEXT=default
export DOCKER_CONTEXT
# The version of who answers; otherwise the reason why nobody does, and 1.
answer() { "$engine" version --format '{{.Server.Version}}' 2>&1; }
# One a line: where images are, how they are stored, who answers for the groups of processes, what runs containers, and the
# version of these groups: Docker before 20.10 does not know that field, and would tell nothing at all.
about() {
    fields='{{.DockerRootDir}}
{{.Driver}}
{{.DriverStatus}}
{{.CgroupDriver}}
{{range $name, $_ := .Runtimes}}{{$name}} {{end}}'
    told=$("$engine" info --format "$fields
v{{.CgroupVersion}}" 2>/dev/null) || told=$("$engine" info --format "$fields" 2>/dev/null)
    printf '%s\n' "$told"
}
# Whether images may be known by another digest than that of their configuration: with the image store of containerd they
# are, by that of their manifest.
by_manifest() { case $("$engine" info --format '{{.DriverStatus}}' 2>/dev/null) in *io.containerd*) ;; *) return 1 ;; esac; }
# Whether a container has a copy of its image's layers.
copies() { return 1; }
# Where the daemon unpacks what it loads before it is an image, all of it: a folder of its own, unless it was started with
# another. `$1`: where it keeps images. An ordinary user hears of that from systemd, or not at all.
temporary() {
    daemon=$(cat /run/docker.pid 2>/dev/null) && [ -n "$daemon" ] || return 1
    if told=$(tr '\000' '\n' 2>/dev/null < "/proc/$daemon/environ"); then
        told=$(printf '%s\n' "$told" | sed -n 's/^DOCKER_TMPDIR=//p' | tail -n 1)
    else
        told=$(systemctl show -p MainPID -p Environment -p EnvironmentFiles docker.service 2>/dev/null) || return 1
        case "$told
" in *"MainPID=$daemon
"*) ;; *) return 1 ;; esac
        case $told in *DOCKER_TMPDIR*) return 1 ;; esac
        for file in $(printf '%s\n' "$told" | sed -nE 's/^EnvironmentFiles=([^ ]+) .*/\1/p'); do
            if [ -e "$file" ] && { [ ! -r "$file" ] || grep -q DOCKER_TMPDIR "$file"; }; then return 1; fi
        done
        told=''
    fi
    case ${told:-$1} in /*) echo "${told:-$1/tmp}" ;; *) return 1 ;; esac
}
