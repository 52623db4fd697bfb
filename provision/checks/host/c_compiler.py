"""A C compiler, where the driver of NVIDIA is: Triton, which torch brings, compiles with it when vLLM starts."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="C compiler",
    # Triton takes what CC names, else gcc, else clang (triton/runtime/build.py). The services have no other CC than the
    # inventory's.
    ask="[ -e /dev/nvidiactl ] || exit 0; "
    'for name in gcc clang; do if command -v "$name" >/dev/null; then echo "$name"; exit 0; fi; done; echo none',
    sound=lambda cell: cell != "none",
    expected="gcc or clang",
    why="vLLM fails to start without one: torch's Triton compiles with it",
    hint="on {host}: `sudo apt-get install gcc`, or as its system has it; or name one in `env.CC`",
    good=("", "gcc\n", "clang\n"),
    bad=("none\n",),
)
