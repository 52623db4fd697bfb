"""A C++ compiler, where NVIDIA's driver is: nvcc compiles with it, and Debian's gcc comes without."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="C++ compiler",
    # Judged in checks/system.py: only where FlashInfer compiles. What nvcc and FlashInfer take without CXX
    # (flashinfer/jit/cpp_ext.py).
    ask="[ ! -e /dev/nvidiactl ] || command -v c++ || command -v g++ || echo none",
    good=("", "/usr/bin/c++\n", "none\n"),
)
