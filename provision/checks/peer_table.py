"""What has to be alike on all hosts of a cluster, where the inventory does not say otherwise: one table."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.finding import Severity
from provision.core.values import dataclass

DRIFT, WARNING = Severity.DRIFT, Severity.WARNING


@dataclass(frozen=True)
class Alike:
    """How a fact is compared. In `hint`: {host}, {expected}, {found}, {example}, a host that is as expected,
    {interface}, that of its address, and {value}, what is expected as a tool takes it (`1` for on, `700` for 700 W).

    `among`: facts that explain a difference, so that only hosts with the same of those are compared. `pinned`: the
    setting of `expect` that may ask for different things of the hosts.
    """

    severity: Severity
    why: str
    hint: str
    among: tuple[str, ...] = ()
    pinned: str = ""


_SLOWEST = "all ranks wait for the slowest one"

#: By fact, causes before what follows from them.
ALIKE: Mapping[str, Alike] = {
    "driver": Alike(
        DRIFT,
        "what works on one host then fails on another: NCCL and CUDA run different code there",
        "install driver {expected} on {host} and reboot it, or set hosts.{host}.expect.driver",
        pinned="driver",
    ),
    "GPUs": Alike(
        DRIFT,
        "a GPU may have fallen off the bus; a model is cut for equal hosts, unless told otherwise",
        "run `nvidia-smi -L` on {host}; if it is meant to have {found}, set hosts.{host}.expect.gpus to that",
        pinned="gpus",
    ),
    "GPU model": Alike(
        DRIFT,
        "the smallest GPU decides how much fits, and " + _SLOWEST,
        "leave {host} out, or set hosts.{host}.expect.gpu where it is meant to differ",
        pinned="gpu",
    ),
    "VBIOS": Alike(
        WARNING,
        "clocks, power and fixes of the firmware differ from host to host",
        "ask the vendor of {host} for firmware {expected}",
        among=("GPU model",),
    ),
    "ECC": Alike(
        WARNING,
        "with ECC a GPU has less memory on some models; without it, errors pass in silence",
        "run `sudo nvidia-smi -e {value}` on {host}, as on {example}, then reboot it",
        among=("GPU model",),
    ),
    "MIG": Alike(
        DRIFT,
        "a rank cannot use a GPU that is split into MIG instances",
        "run `sudo nvidia-smi -mig {value}` on {host}, as on {example}",
        among=("GPU model",),
    ),
    "persistence": Alike(
        WARNING,
        "without it the driver unloads when nobody uses the GPU, and each start waits for seconds",
        "run `sudo nvidia-smi -pm {value}` on {host}, as on {example}, or start nvidia-persistenced there",
        among=("GPU model",),
    ),
    "compute mode": Alike(
        WARNING,
        "an exclusive GPU takes one process and refuses the next",
        "run `sudo nvidia-smi -c {value}` on {host}, as on {example}",
        among=("GPU model",),
    ),
    "power limit": Alike(
        WARNING,
        "a GPU with less power is slower, and " + _SLOWEST,
        "run `sudo nvidia-smi -pl {value}` on {host}, as on {example}",
        among=("GPU model",),
    ),
    "max clock": Alike(
        WARNING,
        "a GPU with a lower clock is slower, and " + _SLOWEST,
        "compare `nvidia-smi -q -d CLOCK` of {host} and {example}: another board, or other firmware",
        among=("GPU model",),
    ),
    "topology": Alike(
        WARNING,
        "the GPUs of this host are connected differently from those of the others, and " + _SLOWEST,
        "compare `nvidia-smi topo -m` of {host} and {example}",
        among=("GPU model", "GPUs"),
    ),
    "MTU": Alike(
        DRIFT,
        "packets larger than the other side accepts are silently dropped: NCCL hangs, while ping works",
        "run `sudo ip link set dev {interface} mtu {expected}` on {host}, and make it permanent",
    ),
    "link speed": Alike(
        WARNING,
        "traffic between ranks runs at this speed, and " + _SLOWEST,
        "check the cable and switch port of {host}: `ethtool {interface}`",
    ),
    "fabric ports": Alike(
        WARNING,
        "NCCL uses what all hosts have, or falls back to TCP",
        "compare `ibstat` of {host} and {example}",
        among=("GPU model",),
    ),
    "model folder": Alike(
        DRIFT,
        "ranks that read different weights produce nonsense, or fail at startup",
        "copy the model's folder from {example} to {host}",
    ),
    "OS": Alike(
        WARNING,
        "libraries and defaults differ, so what was tested on one host is untested on the other",
        "install {expected} on {host}",
    ),
    "kernel": Alike(
        WARNING,
        "the driver's module is built for each kernel: what loads on one host may not load on another",
        "install kernel {expected} on {host} and reboot it",
        among=("OS", "GPU model"),
    ),
    "glibc": Alike(
        WARNING,
        "its packages are older, or newer, than those of the other hosts: what is built on one may not load on another",
        "bring the packages of {host} to the versions on {example}",
        among=("OS",),
    ),
    "CPUs": Alike(
        WARNING,
        "Ray gives it a different share of the work, and it may not be the intended machine",
        "compare `lscpu` of {host} and {example}: SMT, an offline CPU, or a container limit",
        among=("GPU model",),
    ),
    "memory": Alike(
        WARNING,
        "loading a model takes the same amount on every host; a memory module may have failed",
        "compare `sudo dmidecode -t memory` of {host} and {example}",
        among=("GPU model",),
    ),
    "/dev/shm": Alike(
        WARNING,
        "what fits into shared memory on the other hosts may not fit here",
        "run `sudo mount -o remount,size=50% /dev/shm` on {host}, and make it permanent",
        among=("GPU model",),
    ),
    "open files": Alike(
        WARNING,
        "under load this host runs out of them before the others do",
        "raise `nofile` (hard) to {expected} in /etc/security/limits.conf on {host}",
    ),
}
