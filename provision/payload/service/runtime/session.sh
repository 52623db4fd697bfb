# The service is a process in a session of its own, which outlives the SSH session that started it.

session_start() { setsid /bin/sh "$dir/begin" </dev/null >>"$dir/log" 2>&1 & }
# Nothing of it is left once its processes have ended.
session_stop() { :; }
session_said() { :; }
# Nobody keeps a list of a session's processes that children could not leave.
session_has() { return 1; }
session_ready() { :; }
session_look() { :; }
