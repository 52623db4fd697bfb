# What a file holds, by digest, and whose it is. A link is no file of ours, wherever it leads.
# shellcheck disable=SC2086 # split into words on purpose

if [ -h "$path" ]; then echo "content=a link"; exit 0; fi
[ -f "$path" ] || exit 0
rights "$path" "$owner" || exit 1
about=$(stat -c '%s %a %U' -- "$path") || exit 1
size=${about%% *} about=${about#* }
mode=${about%% *}
# Ours are texts: one of a terabyte, with holes, would take hours to read.
if [ "$size" -gt 67108864 ]; then echo "content=more than 64 MiB"; exit 0; fi
sum=$($as sha256sum -- "$path") || exit 1
sum=${sum#\\}
echo "sha256=${sum%% *}"
# What it holds instead, so that a plan can say which lines change; of a file that is closed to others nobody is told.
if [ "${sum%% *}" != "$wanted" ] && [ "$size" -le 65536 ]; then
    case $mode in *[4567]) echo "text=$($as base64 -w 0 -- "$path")" ;; esac
fi
printf 'mode=%s\nowner=%s\n' "$mode" "${about#* }"
