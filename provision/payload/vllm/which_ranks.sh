# How many ranks there are, and which. vllm/v1/executor/multiproc_executor.py names a rank `Worker_PP1_TP0`, leaving out
# a degree that is 1; its lines begin with `(Worker_PP1_TP0 pid=619)`. Before it knows, it is `Worker`, and stays so
# where it is alone. Only the first rank of a host says its number.
# shellcheck disable=SC2086 # patterns of files

echo "ranks=$(ranks)"
part() { case $1 in *"$2"[0-9]*) v=${1#*"$2"}; echo "${v%%[!0-9]*}" ;; *) echo 0 ;; esac; }
which=$(for p in $(these); do
    case $logs in '') continue ;; *@*) files=${logs%@*}$p${logs##*@} ;; *) files=$logs ;; esac
    # Ray's logs are read as the user who could have put links there; the service's own is not that user's to read.
    case $files in "$dir"/*) as='' ;; *) as=as_user ;; esac
    name=$($as grep -hosm1 "(Worker_[A-Z0-9_]* pid=$p)" $files || $as grep -hosm1 "(Worker pid=$p)" $files) || continue
    stage=$(part "$name" _PP) share=$(part "$name" _TP)
    echo "$((stage * tensor + share)) (PP$stage TP$share)"
done | sort -n | paste -sd , -)
[ -z "$which" ] || echo "which=$which"
