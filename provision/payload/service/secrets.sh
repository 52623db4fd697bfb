# Secrets of a service, compared where they are: whoever looks sends what it has, and learns `as given` or `another`.
# What a start was given is kept as HMAC-SHA256 (RFC 2104) with a key that is made for that start, in a file beside the
# stamp, 0600. The key never leaves the host, and no digest either. By sha256sum and printf alone, because a program
# with the key or a secret among its arguments would show it to everyone.
# shellcheck disable=SC2154 # `secrets`, `aspect_0`, `secret_0` … come with the script
# shellcheck disable=SC2034 # `secret` is set by eval
# shellcheck disable=SC2086 # split into lines on purpose

# The key `$1` (64 hex digits), each byte XORed with `$2`, filled up to a block, which is twice as long.
pad() {
    k=$1 block=''
    while [ -n "$k" ]; do
        rest=${k#??}; b=$((0x${k%"$rest"} ^ $2)); k=$rest
        block="$block\\$((b / 64))$((b / 8 % 8))$((b % 8))"
    done
    more="\\$(($2 / 64))$(($2 / 8 % 8))$(($2 % 8))"
    more=$more$more$more$more; more=$more$more$more$more; block=$block$more$more
    # shellcheck disable=SC2059 # octal escapes, and nothing else
    printf "$block"
}
bytes() {
    h=$1 octal=''
    while [ -n "$h" ]; do
        rest=${h#??}; b=$((0x${h%"$rest"})); h=$rest
        octal="$octal\\$((b / 64))$((b / 8 % 8))$((b % 8))"
    done
    # shellcheck disable=SC2059 # octal escapes, and nothing else
    printf "$octal"
}
# `digest`: of the aspect `$2` and its value `$3`, with the key `$1`: equal secrets of two names have different ones.
keyed() {
    digest=$({ pad "$1" 54; printf '%s\n%s' "$2" "$3"; } | sha256sum)
    digest=$({ pad "$1" 92; bytes "${digest%% *}"; } | sha256sum)
    digest=${digest%% *}
}
# What is kept of the secrets, to standard output. `$1`: the aspects of those that are known to be what the service was
# started with, one a line; empty: all are.
seal() {
    key=$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')
    [ "${#key}" = 64 ] || { echo "no random bytes from /dev/urandom" >&2; return 1; }
    echo "key=$key"
    i=0
    while [ "$i" -lt "${secrets:-0}" ]; do
        eval "aspect=\$aspect_$i secret=\$secret_$i"
        i=$((i + 1))
        case "${1:-
$aspect
}" in
            *"
$aspect
"*) keyed "$key" "$aspect" "$secret"; echo "$aspect=$digest" ;;
            *) echo "$aspect=none" ;;
        esac
    done
}
# Writes what this start is given.
keep_secrets() {
    rm -f -- "$dir/secrets.new"
    seal '' > "$dir/secrets.new" && chmod 600 "$dir/secrets.new" && mv -f -- "$dir/secrets.new" "$dir/secrets"
}
# `sealed`: what was kept at the last start, key first; empty if an older version started it. After read_stamp.
read_sealed() {
    sealed=''
    [ -z "$kept_ours" ] || while IFS= read -r l; do sealed="$sealed$l
"; done < "$dir/secrets"
}
# What was recorded of the aspect `$1`: `recorded`, empty if nothing; `key`, empty where an older version recorded it:
# as the start of a plain SHA-256, in the stamp itself.
recorded() {
    key='' recorded='' old_ifs=$IFS
    IFS='
'
    set -f
    if [ -n "$sealed" ]; then
        for l in $sealed; do
            case $l in key=*) key=${l#*=} ;; "$1="*) recorded=${recorded:-${l#*=}} ;; esac
        done
    else
        for l in $stamped; do
            case $l in "$1="*) if is_digest "$l"; then recorded=${l#*=}; recorded=${recorded#sha256:}; fi ;; esac
        done
    fi
    set +f
    IFS=$old_ifs
}
# `verdict` on the aspect `$1` with the value `$2`; empty: nothing was recorded.
compare() {
    recorded "$1"
    verdict=''
    [ -n "$recorded" ] || return 0
    if [ -n "$key" ]; then keyed "$key" "$1" "$2"
    else digest=$(printf %s "$2" | sha256sum); digest=${digest%"${digest#????????????????}"}
    fi
    if [ "$digest" = "$recorded" ]; then verdict='as given'; else verdict=another; fi
}
# The stamp without any digest, and what is to be said of each secret instead.
say_stamp() {
    read_sealed
    said='' i=0
    while [ "$i" -lt "${secrets:-0}" ]; do
        eval "aspect=\$aspect_$i secret=\$secret_$i"
        compare "$aspect" "$secret"
        [ -z "$verdict" ] || echo "$aspect=$verdict"
        said="$said$aspect=
"
        i=$((i + 1))
    done
    old_ifs=$IFS
    IFS='
'
    set -f
    # Given then, and no longer.
    for l in $sealed; do
        case $l in key=*) continue ;; esac
        ! unsaid "$l" || echo "${l%%=*}=present"
    done
    for l in $stamped; do
        unsaid "$l" || continue
        if [ -z "$sealed" ] && is_digest "$l"; then l=${l%%=*}=present; fi
        printf '%s\n' "$l"
    done
    set +f
    IFS=$old_ifs
}
unsaid() {
    case "
$said" in *"
${1%%=*}=
"*) return 1 ;; esac
}
# Whether a line of an older version's stamp is a plain digest.
is_digest() {
    case $1 in
        *=sha256:????????????????) d=${1##*=sha256:} ;;
        token=????????????????) d=${1#token=} ;;
        *) return 1 ;;
    esac
    case $d in *[!0-9a-f]*) return 1 ;; esac
}
