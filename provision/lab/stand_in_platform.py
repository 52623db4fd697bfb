"""The CPU platform, as Ray's device "GPU", with a worker and a communicator that can span hosts."""

from __future__ import annotations

from typing import Any

from vllm.platforms.cpu import CpuPlatform


class StandInPlatform(CpuPlatform):
    ray_device_key = "GPU"

    @classmethod
    def check_and_update_config(cls, vllm_config: Any) -> None:
        super().check_and_update_config(vllm_config)
        if vllm_config.parallel_config.worker_cls == "vllm.v1.worker.cpu_worker.CPUWorker":
            vllm_config.parallel_config.worker_cls = "provision_lab_stand_in.worker.StandInWorker"

    @classmethod
    def get_device_communicator_cls(cls) -> str:
        return "provision_lab_stand_in.communicator.StandInCommunicator"
