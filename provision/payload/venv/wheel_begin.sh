# A folder of its own for one build, in the home of whoever logs in or where the inventory says that there is room, after
# files/rights.sh: programs are run from it, so that nobody else may be able to put another in its place.

umask 077
place=${build_tmp:-$HOME}
mkdir -p "$place" || exit 1
exposed=$(strangers "$place/.provision-build.new" "$(id -u)")
[ -z "$exposed" ] || refused "$exposed" || exit 1
mktemp -d "$place/.provision-build.XXXXXX"
