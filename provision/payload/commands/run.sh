# A person's command: one word is a line for the shell, several are a program and its arguments.

set --
i=0
while [ "$i" -lt "$words" ]; do
    eval "set -- \"\$@\" \"\$word_$i\""
    i=$((i + 1))
done
[ $# -gt 1 ] || set -- sh -c "$1"
