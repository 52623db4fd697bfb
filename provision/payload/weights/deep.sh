# Follows the probe: every file against its hash, last in line for processor and disk.
# shellcheck disable=SC2086 # split into words on purpose
# shellcheck disable=SC2016 # for the shell that xargs starts

if [ -n "$listed" ] && [ "$listed" = "$expected" ]; then
    idle=
    command -v ionice >/dev/null 2>&1 && ionice -c 3 true 2>/dev/null && idle="ionice -c 3"
    cd -- "$folder" || exit 1
    told "$manifest" | sed '1,/^$/d' | sed 's/^\([0-9a-f]*\) [0-9]* [0-9.-]* /\1  /' | LC_ALL=C tr '\n' '\0' |
        nice -n 19 $idle xargs -0 -n 1 -P 4 sh -c 'printf "%s\n" "$1" | LC_ALL=C sha256sum -c --quiet 2>/dev/null' sh |
        sed -n 's/: FAILED.*$//;t found;d;:found;s/^/fault /p'
fi
