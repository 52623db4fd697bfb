# How a running service is that says no more of itself. One that was stopped by a signal runs, and does nothing.
# shellcheck disable=SC2154 # of the library

case $condition in
    T) echo "health=its process is stopped by a signal (SIGSTOP): \`kill -CONT $pid\` lets it go on" ;;
    *) echo health=ok ;;
esac
