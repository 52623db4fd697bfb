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
# One a line: where images are, how they are stored, who answers for the groups of processes, what runs containers.
about() {
    "$engine" info --format '{{.DockerRootDir}}
{{.Driver}}
{{.DriverStatus}}
{{.CgroupDriver}}
{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' 2>/dev/null
}
# Docker before 20.10 does not know the field, and would tell nothing at all.
cgroup_version() { "$engine" info --format ' v{{.CgroupVersion}}' 2>/dev/null; }
# Whether images may be known by another digest than that of their configuration: with the image store of containerd they
# are, by that of their manifest.
by_manifest() { case $("$engine" info --format '{{.DriverStatus}}' 2>/dev/null) in *io.containerd*) ;; *) return 1 ;; esac; }
# Whether a container has a copy of its image's layers.
copies() { return 1; }
