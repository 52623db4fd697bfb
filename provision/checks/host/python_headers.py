"""Which Pythons of the system have their headers, where the driver of NVIDIA is: Triton compiles with them."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="Python headers",
    # Judged in checks/system.py, which knows the version that is asked for.
    ask="[ ! -e /dev/nvidiactl ] || (cd /usr/include 2>/dev/null && for f in python3.*/Python.h; do "
    'f=${f#python}; [ "$f" = "3.*/Python.h" ] || printf "%s " "${f%/Python.h}"; done; echo)',
    good=("", "3.11 3.12 \n", "\n"),
)
