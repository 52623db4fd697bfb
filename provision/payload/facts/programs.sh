# What runs here of Ray and vLLM. The kernel's name of a process says `python` of a vLLM that was started with -m, so
# the command lines are read. One of them can hang for as long as its process does, if that holds its memory map. The
# brackets keep grep from finding itself.
# shellcheck disable=SC2086 # split into words on purpose

echo "@programs"
pids=
for place in $(timeout 5 grep -las -e 'raylet/[r]aylet' -e 'gcs/gcs_[s]erver' -e 'bin/[v]llm' -e '[v]llm\.entrypoints' \
    /proc/[0-9]*/cmdline); do
    place=${place%/cmdline}
    pids="$pids ${place##*/}"
done
about $pids
