"""A C compiler, where the driver of NVIDIA is: Triton, which torch brings, compiles with it when vLLM starts."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="C compiler",
    # Triton takes what CC names, else gcc, else clang (triton/runtime/build.py). The services have no other CC than the
    # inventory's.
    ask="[ ! -e /dev/nvidiactl ] || command -v gcc || command -v clang || echo none",
    sound=lambda cell: cell != "none",
    expected="gcc or clang",
    why="vLLM fails to start without one: torch's Triton compiles with it",
    hint="on {host}: `sudo apt-get install gcc`, or as its system has it; or name one in `env.CC`",
    good=("", "/usr/bin/gcc\n", "/usr/bin/clang\n"),
    bad=("none\n",),
)
