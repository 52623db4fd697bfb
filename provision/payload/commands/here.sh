# As whoever logs in, or as root where root works.

exec "$@"
