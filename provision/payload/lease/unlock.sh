# Takes the lease of this host from whoever has it. Values: by whom, and why.
# shellcheck disable=SC2086 # split into words on purpose

find_place
as=''
free=yes
# A note that somebody else could have written names processes that are none of ours to end.
if [ -z "$(strangers "$place/note" "$uid")" ] && under_way "$place"; then
    free=''
    before=$text
    if take_away "$place" "$by" "$reason"; then
        text=$before
        tell taken "$place"
        command -v logger >/dev/null 2>&1 && logger -t provision -- "lease taken by $by: $reason" 2>/dev/null
    else
        tell stuck "$place"
    fi
fi
if find_other && under_way "$other"; then
    free=''
    if [ "$uid" -eq 0 ]; then
        $as env HOME="${other%"/$below"}" sh -c "$program" sh
    else
        tell foreign "$other"
    fi
fi
[ -z "$free" ] || tell free ''
