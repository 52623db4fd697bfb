# Whose the port is that the server of the stamp has, which has been read.
# shellcheck disable=SC2016 # a line of the stamp begins so

flag_of() { printf '%s' "$stamped" | sed -n "s/^$1=//p"; }
if alive; then
    address=$(flag_of --host)
    case $address in 0.0.0.0|::) address=$(flag_of '$VLLM_HOST_IP') ;; esac
    if ours_listens "$address" "$(flag_of --port)"; then echo listener=ours; else echo listener=other; fi
fi
