"""GPUs that the driver could not start, or lost: nvidia-smi does not list them, and the kernel's log says so."""

from provision import HostCheck

CHECK = HostCheck(
    area="gpus",
    fact="GPUs lost",
    # The kernel's log is closed to users on many hosts; its copy in the journal is open to those who administer it.
    ask="[ ! -r /proc/driver/nvidia/version ] || "
    "{ timeout 3 dmesg || timeout 5 journalctl -k -b -q --no-pager; } 2>/dev/null | grep -aoE "
    "'NVRM: .*(RmInitAdapter failed|probe routine failed|fallen off the bus).*|SXid .*, Fatal.*' | tail -n 1",
    sound=lambda cell: not cell,
    expected="none",
    why="nvidia-smi does not list a GPU that the driver could not start, so that it looks as if the host had fewer",
    hint="run `sudo dmesg | grep -iE 'nvrm|sxid'` on {host}: if the driver does not support the GPU, or wants the open "
    "kernel modules, install the one that it names; otherwise reboot {host}; if it comes back, check slot and power",
    good=("", "\n"),
    bad=(
        "NVRM: GPU 0000:0a:00.0: RmInitAdapter failed! (0x24:0x72:1568)\n",
        "NVRM: The NVIDIA probe routine failed for 1 device(s).\n",
        "NVRM: fallen off the bus and is not responding to commands.\n",
        "SXid (PCI:0000:05:00.0): 20034, Fatal, Link 30 LTSSM Fault Up\n",
    ),
    causes=("nvidia-smi", "Xid errors"),
    lasting=False,
)
