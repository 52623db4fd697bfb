# Asks the environment's vLLM whether it accepts the arguments `arg_0`, `arg_1` …, `args` of them, as the user who the
# service runs as. The server that runs is not touched, and no model is loaded.
# shellcheck disable=SC2154 # they come with the script

if [ ! -x "$python" ]; then echo "verdict=unknown"; echo "said=there is no $python yet"; exit 0; fi
set --
i=0
while [ "$i" -lt "$args" ]; do
    eval "set -- \"\$@\" \"\$arg_$i\""
    i=$((i + 1))
done
cd / || exit 1
( export_environment; printf '%s\n' "$program" | as_user "$python" - "$@" 2>&4 ) 4>&2
