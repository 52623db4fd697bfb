# A shell within the environment, for a person. No startup file changes its PATH.

PS1="($cluster $host) \$ "
export PS1
if command -v bash >/dev/null 2>&1; then set -- bash --noprofile --norc -i; else set -- sh -i; fi
as_user "$@"
