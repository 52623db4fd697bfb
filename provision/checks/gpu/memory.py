"""Who holds memory of the GPUs, and whether enough is left for the model.

Whose a process is:

- It is ours if it carries the mark of a service of this cluster on this host. All of ours do, the ranks too (Ray's
  mark), whoever looks: their environment is readable for the user they run as, which is the one who logs in, and for
  root.
- So one that shows no mark, or another one, is somebody else's: another user's, whose environment may not be read, or
  one that was started by hand.
- One whose user is not to be seen has a pid of another process table: it is in a container, or we are. It counts as
  ours only where our Ray runs here and none of its ranks is visible. Where they are, they share our process table, and
  whoever is not in it is not one of them.
- A desktop, and what watches or shares out the GPUs, belongs to the machine. So may one of which neither the user nor
  the memory is told, as Windows' programs are to WSL. Both are named where they leave too little for the model.
"""

from __future__ import annotations

from collections.abc import Iterable

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Severity
from provision.core.wording import span
from provision.facts import Facts, Gpu, GpuProcess
from provision.inventory.models import Serve
from provision.parallel.settings import utilization

#: Part of a GPU's memory that driver, firmware and a desktop hold on a sound one. This project's own estimate.
OWN_USE = 0.08

#: Programs that are on GPUs of sound machines: desktops, NVIDIA's own services (MPS, DCGM).
RESIDENTS = frozenset(
    (
        "Xorg", "Xwayland", "gnome-shell", "gnome-remote-desktop-daemon", "kwin_x11", "kwin_wayland", "plasmashell",
        "nvidia-cuda-mps-server", "nv-hostengine", "dcgm-exporter", "nvidia-persistenced", "dwm.exe", "explorer.exe",
    )
)  # fmt: skip


def of_use(cluster: Cluster, node: Node, facts: Facts) -> list[Finding]:
    mark = f"{cluster.name}/{node.name}/"
    strangers = [process for process in facts.gpu_processes if not _ours(process, facts, mark)]
    strangers = [process for process in strangers if not (_resident(process) and _leaves_room(cluster, facts, process))]
    return [*_strangers(cluster, node, facts, strangers), *_nobody(cluster, node, facts, mark)]


def _ours(process: GpuProcess, facts: Facts, mark: str) -> bool:
    if process.mark or process.user:
        return process.mark.startswith(mark)
    return _hides_ours(facts, mark)


def _resident(process: GpuProcess) -> bool:
    program = process.command.split(maxsplit=1)[0] if process.command.strip() else ""
    told = bool(process.mark or process.user or process.memory_mib)
    return program.rpartition("/")[2].rpartition("\\")[2] in RESIDENTS or not told


def _leaves_room(cluster: Cluster, facts: Facts, process: GpuProcess) -> bool:
    serve = cluster.inventory.serve
    there = [gpu for gpu in facts.gpus if _on(gpu, process) and _told(gpu)]
    return serve is None or all(
        gpu.memory_free_mib >= _wanted(serve, gpu) or _has_ours(cluster, gpu, facts) for gpu in there
    )


def _hides_ours(facts: Facts, mark: str) -> bool:
    """Whether our ranks may be here without being seen."""
    ray_runs = any(program.mark.startswith(mark) for program in facts.programs)
    return ray_runs and not any(process.mark.startswith(mark) for process in facts.gpu_processes)


def _strangers(cluster: Cluster, node: Node, facts: Facts, strangers: list[GpuProcess]) -> Iterable[Finding]:
    if not strangers:
        return
    taken = [gpu for gpu in facts.gpus if any(_on(gpu, process) for process in strangers)]
    lines = tuple(_line(process, facts) for process in strangers)
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    blocks = _too_full(cluster, taken, facts)
    yield Finding(
        node.name,
        "gpus",
        "GPU processes",
        Severity.BLOCKS if blocks else Severity.WARNING,
        found=", ".join(dict.fromkeys(f"{p.user or 'hidden'} (pid {p.pid})" for p in strangers)),
        expected="only ours",
        against=Against.SOUND,
        why=_why(cluster, blocks),
        hint=_asking(strangers, node.name),
        evidence=lines,
        said=f"not ours: {lines[0]}{more}",
    )


def _asking(strangers: list[GpuProcess], host: str) -> str:
    containers = dict.fromkeys(process.container for process in strangers)
    engine, _, container = next(iter(containers)).rpartition(" ")
    if len(containers) == 1 and engine in ("docker", "podman"):
        return f"ask whose it is, or stop it on {host}: `{engine} stop {container}`"
    return f"run `ps -fp {','.join(str(p.pid) for p in strangers)}` on {host} and ask its owner to stop it"


def _nobody(cluster: Cluster, node: Node, facts: Facts, mark: str) -> Iterable[Finding]:
    if cluster.inventory.serve is None or _hides_ours(facts, mark):
        return
    listed = [gpu for gpu in facts.gpus if any(_on(gpu, process) for process in facts.gpu_processes)]
    held = [gpu for gpu in facts.gpus if gpu not in listed and _used(gpu) > OWN_USE * gpu.memory_mib]
    held = [gpu for gpu in held if gpu.memory_free_mib < _wanted(cluster.inventory.serve, gpu)]
    if not held:
        return
    texts = [f"{_used(gpu)} of {gpu.memory_mib} MiB (GPU {gpu.index})" for gpu in held]
    blocks = _too_full(cluster, held, facts)
    yield Finding(
        node.name,
        "gpus",
        "GPU memory free",
        Severity.BLOCKS if blocks else Severity.WARNING,
        found=", ".join(f"{gpu.memory_free_mib} MiB (GPU {gpu.index})" for gpu in held),
        expected=f"{max(_wanted(cluster.inventory.serve, gpu) for gpu in held):.0f} MiB",
        against=Against.SOUND,
        why=_why(cluster, blocks),
        hint=f"run `sudo fuser -v /dev/nvidia*` on {node.name}; if it names nobody, look at its containers or reset "
        f"the GPU: `sudo nvidia-smi --gpu-reset -i {','.join(str(gpu.index) for gpu in held)}`",
        said="held by no visible process (a desktop, another container, or a process that died): " + ", ".join(texts),
    )


def _too_full(cluster: Cluster, taken: list[Gpu], facts: Facts) -> bool:
    """Whether the model finds too few GPUs with the memory that it wants. Where it runs already, GPUs that it has
    count as free; where hosts were not asked, all GPUs are counted as needed."""
    serve = cluster.inventory.serve
    if serve is None:
        return False
    full = [gpu for gpu in taken if _told(gpu) and gpu.memory_free_mib < _wanted(serve, gpu)]
    full = [gpu for gpu in full if not _has_ours(cluster, gpu, facts)]
    if not full:
        return False
    if any(node.facts is None for node in cluster.nodes):
        return True
    spare = sum(node.gpus for node in cluster.nodes) - serve.gpus
    return len(full) > spare


def _has_ours(cluster: Cluster, gpu: Gpu, facts: Facts) -> bool:
    return any(_on(gpu, process) and process.mark.startswith(f"{cluster.name}/") for process in facts.gpu_processes)


def _why(cluster: Cluster, blocks: bool) -> str:
    serve = cluster.inventory.serve
    if serve is None or not blocks:
        return "it uses memory and time of a GPU that a model may need"
    share = utilization(serve)
    return f"vLLM does not start on a GPU with less than {share:g} of its memory free (`gpu-memory-utilization`)"


def _wanted(serve: Serve, gpu: Gpu) -> float:
    return utilization(serve) * gpu.memory_mib


def _told(gpu: Gpu) -> bool:
    """A GPU that shares the host's memory does not tell its own, and one in slices tells no slice's."""
    return gpu.memory_mib > 0 and gpu.memory_free_mib > 0 and not gpu.mig


def _used(gpu: Gpu) -> int:
    return gpu.memory_mib - gpu.memory_free_mib if _told(gpu) else 0


def _on(gpu: Gpu, process: GpuProcess) -> bool:
    return bool(process.gpu) and process.gpu in (gpu.uuid, gpu.bus_id)


def _line(process: GpuProcess, facts: Facts) -> str:
    """`71234 MiB of GPU 3 by pid 4711 of bob, python train.py, since 3 h`."""
    gpu = next((f"GPU {gpu.index}" for gpu in facts.gpus if _on(gpu, process)), "a GPU")
    memory = f"{process.memory_mib} MiB of {gpu}" if process.memory_mib else gpu
    whose = f" of {process.user}" if process.user else ", hidden from us"
    service = f" ({process.mark})" if process.mark else ""
    command = f", `{process.command}`" if process.command else ""
    since = f", since {span(process.since)}" if process.since is not None else ""
    inside = f", in the container {process.container.rpartition(' ')[2]}" if process.container else ""
    return f"{memory} by pid {process.pid}{whose}{service}{command}{since}{inside}"
