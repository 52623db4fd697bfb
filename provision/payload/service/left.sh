# Which processes of a service are left.
# shellcheck disable=SC2086 # split into words on purpose

left=$(each_of_ours)
if [ -n "$left" ]; then echo "processes="$left; else echo processes=none; fi
