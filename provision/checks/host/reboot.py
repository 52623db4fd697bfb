"""A reboot that an update waits for."""

from provision import HostCheck

CHECK = HostCheck(
    area="system",
    fact="reboot",
    # Debian and Ubuntu leave it; elsewhere nothing says so without a package manager's database.
    ask="if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then echo required; fi",
    sound=lambda _: False,
    said="a reboot is pending after an update",
    why="until then kernel, driver and libraries may not fit each other",
    hint="`provision down`, reboot {host}, then `provision up`",
    # After an update of the driver that no reboot followed, all of these are seen.
    causes=("nvidia-smi", "driver library", "kernel module"),
    good=("",),
    bad=("required\n",),
)
