"""The asking as a host gets it: a constant text for its environment's Python."""

from __future__ import annotations

from importlib.resources import files

_SOURCE = files("provision.resources").joinpath("ask.py").read_text(encoding="utf-8")

#: Both are `sh`, and want $python, and in the environment URL, MODEL, SECONDS_LEFT and VLLM_API_KEY. The first prints
#: `answer=` and JSON; the second wants PID, LOG and STAMP as well. -I: nothing of the caller's folder is imported.
ASK_ONCE = f"\"$python\" -I - <<'PY'\n{_SOURCE}\nmain()\nPY\n"
ASK_UNTIL_READY = f"\"$python\" -I - <<'PY'\n{_SOURCE}\nwait()\nPY\n"
