# What runs of the cluster here. Prints nothing where nothing does.
# shellcheck disable=SC2046 # split into words on purpose

set -- $(units) $(marked)
[ $# -eq 0 ] || echo "running=$*"
