# Within the environment.

as_user "$@"
