# Within the environment. A program of an image starts a container, which the services' user may not: by its whole path it
# is known as such (users.sh).

if contained "$programs/$1" && [ -x "$programs/$1" ]; then
    first=$programs/$1
    shift
    set -- "$first" "$@"
fi
as_user "$@"
