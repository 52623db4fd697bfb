"""The program by which FlashInfer and torch have kernels compiled, where NVIDIA's driver is."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="ninja",
    # Judged in checks/system.py: an environment may bring one, which comes first in the PATH of the services.
    ask="[ ! -e /dev/nvidiactl ] || command -v ninja || echo none",
    good=("", "/usr/bin/ninja\n", "none\n"),
)
