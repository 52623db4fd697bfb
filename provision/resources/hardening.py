"""What a unit keeps a service from, directive by directive of systemd.exec(5), and what it does not, with the reason.

docs/hardening.md is made from this table. None of it could be tried with CUDA: where a directive could touch a GPU,
that decided against it.
"""

from __future__ import annotations

from provision.core.values import dataclass


@dataclass(frozen=True)
class Directive:
    """`value`: as the unit has it; None: left out. `why`: what it is for, or what speaks against it."""

    name: str
    value: str | None
    why: str

    @property
    def line(self) -> str:
        return f"{self.name}={self.value}"


DIRECTIVES = (
    Directive("NoNewPrivileges", "yes", "no setuid program helps out: not sudo, which the user may be allowed"),
    Directive("CapabilityBoundingSet", "", "no capability can be had, not from a file either"),
    Directive("AmbientCapabilities", "", "none to begin with"),
    Directive("RestrictSUIDSGID", "yes", "it leaves no program behind that runs with its rights"),
    Directive("UMask", "0077", "what it writes is not for others"),
    Directive("ProtectSystem", "full", "/usr, /boot and /etc are read-only"),
    Directive("ProtectKernelTunables", "yes", "/proc/sys and /sys are read-only; NCCL only reads the topology there"),
    Directive("ProtectKernelModules", "yes", "no modules are loaded; the driver's are, before it starts (below)"),
    Directive("ProtectKernelLogs", "yes", "the kernel's log tells where things lie in memory"),
    Directive("ProtectControlGroups", "yes", "limits of the unit stay what they are"),
    Directive("ProtectHostname", "yes", "the host keeps its name"),
    Directive("LockPersonality", "yes", "no other execution domain, whose system calls are little tested"),
    Directive("RestrictRealtime", "yes", "it cannot keep others off the processors"),
    Directive("RestrictNamespaces", "yes", "user namespaces have opened many holes of the kernel to ordinary users"),
    Directive("SystemCallArchitectures", "native", "32-bit system calls are a second, less tested door"),
    Directive(
        "RestrictAddressFamilies",
        "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "no raw packets. RDMA needs no family: its verbs are device files; AF_NETLINK lists interfaces",
    ),
    Directive("KeyringMode", "private", "no keys of other sessions of the user"),
    # Left out.
    Directive("ProtectSystem=strict", None,
              "`env` may name any folder for caches and models: HF_HOME, VLLM_CACHE_ROOT"),
    Directive("ProtectHome", None, "models may be below /home, and with `run_as` the caches of vLLM, Triton and CUDA"),
    Directive("ReadWritePaths, ReadOnlyPaths, InaccessiblePaths, ExecPaths, NoExecPaths, TemporaryFileSystem, "
              "BindPaths, RootDirectory, RootImage", None,
              "which paths are needed, the inventory's `env` and `args` decide"),
    Directive("PrivateTmp", None, "Ray's and vLLM's units meet at sockets in files, and so do a person's tools"),
    Directive("PrivateDevices", None, "hides /dev/nvidia*, /dev/infiniband and /dev/kfd"),
    Directive("DevicePolicy, DeviceAllow", None,
              "which devices CUDA, RDMA and NVLink open depends on the driver; untested"),
    Directive("ProtectClock", None, "implies DeviceAllow=char-rtc, and with it that all other devices are closed"),
    Directive("PrivateNetwork, NetworkNamespacePath, IPAddressDeny, SocketBindDeny, RestrictNetworkInterfaces", None,
              "the ranks of all hosts connect to each other, at ports that Ray and torch choose"),
    Directive("PrivateIPC, IPCNamespacePath", None, "ranks of one host share memory, in the units of Ray and of vLLM"),
    Directive("PrivateUsers, PrivatePIDs", None,
              "NCCL and CUDA IPC identify peers by pid and user; and we recognise processes by both"),
    Directive("RemoveIPC", None, "ends the shared memory of all the user's units when one of them stops"),
    Directive("ProtectProc, ProcSubset", None,
              "Ray reads /proc/meminfo and /proc/stat, and lists the processes on GPUs"),
    Directive("MemoryDenyWriteExecute", None, "Triton, torch and CUDA compile code and run it"),
    Directive("SystemCallFilter", None,
              "what CUDA, NCCL, RDMA and profilers call is not known here; a call refused is a crash hours later"),
    Directive("RestrictFileSystems", None, "models and caches may be on any file system; needs BPF in the kernel"),
    Directive("PrivateMounts, MountFlags", None, "implied by ProtectSystem; mounts made later stay visible"),
    Directive("DynamicUser", None, "weights, caches and Ray's token must keep their owner between starts"),
    Directive("SecureBits", None, "says how root gets capabilities; there is no root in the unit"),
    Directive("SELinuxContext, AppArmorProfile, SmackProcessLabel", None, "the host's administrator decides"),
    Directive("LoadCredential, SetCredential", None,
              "a copy that the service can read while it runs; its environment comes from a file that root opens"),
    Directive("OOMScoreAdjust, CPUSchedulingPolicy, IOSchedulingClass, NUMAPolicy", None,
              "performance, not protection"),
)  # fmt: skip

#: What a unit gets, as lines of its file.
HARDENING = "\n".join(one.line for one in DIRECTIVES if one.value is not None)
