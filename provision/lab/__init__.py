"""Virtual hosts on one machine without GPUs, to try and test provision on.

As root, each host has its own network, root file system, processes and systemd; otherwise hosts are sshds on
loopback addresses. Stand-in nvidia-smi and NVML answer from a file per host, faults included.
"""

from provision.lab.command import LabError
from provision.lab.lab import Lab, LabHost, LabReport

__all__ = ["Lab", "LabError", "LabHost", "LabReport"]
