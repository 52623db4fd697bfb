"""Clusters as `status` sees them, made up."""

from dataclasses import replace
from typing import Any

from provision.core.errors import ConnectTimeout
from provision.core.lease import Holder
from provision.operate.status import ClusterStatus, GpuUse, HostStatus, LastUp, ServiceStatus, Work

AT = 1_795_915_000.0
HOLDER = Holder("up", "ann@host-x", "10.0.0.9", 123, "llama", since=AT - 60)


def a_gpu(index: int = 0, **changed: Any) -> GpuUse:
    return replace(GpuUse(index, "NVIDIA H100", 40_960, 81_920, 31.0 + index, 350.0, 80.0, 1), **changed)


def a_service(name: str = "vllm", **changed: Any) -> ServiceStatus:
    flags = {"--tensor-parallel-size": "8", "--pipeline-parallel-size": "2"} if name == "vllm" else {}
    joined = ("gpu-01 10.0.0.1 with 2 GPUs", "gpu-02 10.0.0.2 with 2 GPUs") if name == "ray" else ()
    made = ServiceStatus(name, True, True, seconds=7200, restarts=0, flags=flags, model="org/llama", joined=joined)
    return replace(made, **changed)


def a_host(name: str = "gpu-01", role: str = "head", **changed: Any) -> HostStatus:
    services = (a_service("ray"), a_service()) if role == "head" else (a_service("ray", joined=()),)
    made = HostStatus(name, role, f"10.0.0.{name[-1]}", gpus=(a_gpu(0), a_gpu(1)), services=services)
    return replace(made, environment="cc966a11bea6", **changed)


def a_status(**changed: Any) -> ClusterStatus:
    made = ClusterStatus(
        cluster="llama",
        at=AT,
        seconds=1.5,
        hosts=(a_host(), a_host("gpu-02", "worker")),
        expected={"ray": ("gpu-01", "gpu-02"), "vllm": ("gpu-01",)},
        served="llama-70b",
        environment="cc966a11bea6",
        work=Work(1.0, 41.5, 2.0, 1.0, 0.25, 0.125, 4.0),
        last_up=LastUp(AT - 3600, 0, (("gpu-01", "Ray head"), ("gpu-01", "vLLM"))),
    )
    return replace(made, **changed)


def an_unreachable_host() -> HostStatus:
    return HostStatus("gpu-02", "worker", "10.0.0.2", error=ConnectTimeout("gpu-02", "no answer from `10.0.0.2`"))
