# In front of several scripts about one service, each of which asks this: it is looked at once.
# shellcheck disable=SC2218 # until here they are those of library.sh

read_stamp
has_stamp=$?
is_alive=1
[ "$has_stamp" != 0 ] || ! alive || is_alive=0
read_stamp() { return "$has_stamp"; }
alive() { return "$is_alive"; }
