# A folder of its own for one build, in the home of whoever logs in or where the inventory says that there is room.

umask 077
place=${build_tmp:-$HOME}
mkdir -p "$place"
mktemp -d "$place/.provision-build.XXXXXX"
