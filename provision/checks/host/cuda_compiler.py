"""NVIDIA's compiler, where its driver is: FlashInfer compiles kernels with it that it does not bring."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="CUDA compiler",
    # Judged in checks/system.py, which knows what is locked. The services have /usr/local/cuda/bin in their PATH.
    ask="[ ! -e /dev/nvidiactl ] || PATH=/usr/local/cuda/bin:$PATH command -v nvcc || echo none",
    good=("", "/usr/local/cuda/bin/nvcc\n", "none\n"),
)
