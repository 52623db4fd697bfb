# What an environment holds that somebody else has made, after files/trust.sh: `existing`, its folder. Its own Python is
# asked, so nobody else may be able to change that, nor what it reads when it starts: with sudo, root runs it. Writes
# nothing.

tab=$(printf '\t')
newline='
'
# What others could change below these, links and where they lead included: the first that is found. One of each kind is
# looked at, by its owner, group and rights, and of links. `skip`: a pattern of paths that do not matter.
within() { # uids, folders and files
    me=$1
    shift
    {
        # A name that holds one of these would be taken for others.
        find "$@" -path "$skip" -prune -o -name "*[$tab$newline]*" -printf 'odd\n' -quit -o \
            -type l -printf 'link\t%Y\t%h\t%l\t%p\n' -o \
            \( -perm /022 -o ! -uid 0 ! -uid "$me" \) -printf 'file\t%U:%G:%m\t%p\n'
    } 2>/dev/null | awk -F'\t' '
        $1 == "odd" { print }
        $1 == "file" && !seen[$2]++ { print "file\t" $3 }
        $1 == "link" {
            to = $4; sub(/[^\/]*$/, "", to)
            if ((to != "" || $4 ~ /^\.\.?$/) && !seen[$3, to]++) print "file\t" $5
            if ($2 == "d") print "folder\t" $5
        }' | while IFS=$tab read -r kind place; do
        found=$(strangers "$place" "$me")
        [ "$kind" != odd ] || found="unreadable|-|-|-|$existing"
        [ "$kind" != folder ] || [ -n "$found" ] ||
            found=$(find "$place/" ! -type l \( -perm /022 -o ! -uid 0 ! -uid "$me" \) -print -quit 2>/dev/null | theirs)
        [ -z "$found" ] || { printf '%s\n' "$found"; break; }
    done
}
theirs() { IFS= read -r place && strangers "$place" "$me"; }
# Folders outside of it from which packages are imported, as pip leaves them for what is installed to be edited. `skip`:
# as above.
led_to() { # folders
    find "$@" -path "$skip" -prune -o -path '*-packages/*.pth' ! -path '*-packages/*/*' -print -o \
        -path '*-packages/*.dist-info/direct_url.json' -print 2>/dev/null | while IFS= read -r file; do
        [ -f "$file" ] || continue
        case $file in
            *.pth)
                grep -avE '^(#|import[[:space:]]|[[:space:]]*$)' -- "$file" | tr -d '\r' | while IFS= read -r line; do
                    case $line in /*) ;; *) line=${file%/*}/$line ;; esac
                    printf '%s\n' "$line"
                done ;;
            *)  ! grep -qsE '"editable": *true' "$file" || sed -n 's|.*"url": *"file://\([^"]*\)".*|\1|p' "$file" ;;
        esac
    done
}
# The first that others could change of what its Python runs and reads, also of the one that it was made with.
open_to() { # uids
    set -- "$1" "$existing/bin" "$existing/lib"
    besides=
    for file in "$existing/bin/pyvenv.cfg" "$existing/pyvenv.cfg"; do
        [ ! -e "$file" ] || set -- "$@" "$file"
    done
    for home in "$(dirname -- "$(readlink -f -- "$existing/bin/python")")" \
        "$([ ! -f "$existing/pyvenv.cfg" ] || sed -n 's/^[[:space:]]*[Hh][Oo][Mm][Ee][[:space:]]*=[[:space:]]*//p' "$existing/pyvenv.cfg" 2>/dev/null | head -n 1)"; do
        for place in "${home%/*}"/lib/python3.*; do
            [ ! -d "$place" ] || [ "${home%/*}" = "$existing" ] || { set -- "$@" "$place"; besides=$place; }
        done
    done
    if [ -f "$existing/pyvenv.cfg" ] && grep -qisE '^[[:space:]]*include-system-site-packages[[:space:]]*=[[:space:]]*true' "$existing/pyvenv.cfg"; then
        for place in /usr/lib/python3 /usr/local/lib/python3*; do [ ! -d "$place" ] || set -- "$@" "$place"; done
        besides=
    fi
    me=$1
    shift
    for place in "$@" "$existing/bin/python" "$existing"/lib/python3*/site-packages; do
        [ -e "$place" ] || continue
        found=$(strangers "$place" "$me")
        [ -z "$found" ] || { printf '%s\n' "$found"; return 0; }
    done
    skip=$besides/site-packages
    found=$(within "$me" "$@")
    [ -z "$found" ] || { printf '%s\n' "$found"; return 0; }
    places=$(led_to "$@" | sort -u)
    skip=
    printf '%s\n' "$places" | while IFS= read -r place; do
        [ -e "$place" ] || continue
        found=$(strangers "$place" "$me")
        [ -n "$found" ] || found=$(within "$me" "$place/")
        [ -z "$found" ] || { printf '%s\n' "$found"; break; }
    done
}
list_existing() {
    if [ ! -d "$existing" ]; then echo "lacks=does not exist"
    elif [ ! -x "$existing/bin/python" ]; then echo "lacks=has no \`bin/python\`"
    elif exposed=$(open_to "$(id -u)") && [ -n "$exposed" ]; then printf 'exposed=%s\n' "$exposed"
    else
        listing=$(cd / && printf '%s\n' "$listing_program" | HOME=/nonexistent "$existing/bin/python" -I -B - 2>/dev/null) &&
            printf '%s\n' "$listing" || echo "lacks=has a Python that does not run"
    fi
}
