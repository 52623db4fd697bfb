# Builds one wheel, after environment.sh, sealed.sh and install.sh, in a folder of its own, with pip in an environment of
# its own. What is built without isolation finds the packages of the lock in there.
# shellcheck disable=SC2086 # split into words on purpose

umask 077
say() { printf '::progress %s\n' "$*"; }
cd "$root" || exit 1
chmod 700 "$uv"
mkdir -p "$cache" "$inbox" out
into() { quiet "$uv" pip install --quiet --no-build --python "$env/bin/python" "$@"; }
find_python || exit 1
make_frame || exit 1
where_from
printf %s "$beside" > beside.txt
printf %s "$requirement" > requirement.txt
[ -z "$beside" ] || into --no-deps --require-hashes -r beside.txt || exit 1
into pip $tools || exit 1
isolation=
[ -n "$isolated" ] || { isolation=--no-build-isolation; PATH=$env/bin:$PATH; }
export PATH PIP_CONFIG_FILE=/dev/null SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
[ -z "$default_index" ] || export PIP_INDEX_URL="$default_index"
[ -z "$more_indexes" ] || export PIP_EXTRA_INDEX_URL="$more_indexes"
say "building $name"
"$env/bin/python" -m pip wheel --quiet --no-input --no-deps --disable-pip-version-check --no-cache-dir \
    --progress-bar=off --no-binary="$name" $isolation --wheel-dir out -r requirement.txt >&2 || exit 1
set -- out/*.whl
if [ "$#" -ne 1 ] || [ ! -f "$1" ]; then
    echo "there is no wheel, or more than one: $*" >&2
    exit 1
fi
printf 'wheel=%s\nsha256=%s\n' "${1#out/}" "$(sha256sum "$1" | cut -d " " -f 1)"
printf 'machine=%s\nlibc=%s\n' "$(uname -m)" "$(getconf GNU_LIBC_VERSION | sed "s/.* //")"
