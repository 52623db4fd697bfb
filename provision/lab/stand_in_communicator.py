"""A CPU communicator that knows when ranks do not share one /dev/shm.

vLLM's own takes ranks for neighbours whenever their groups have the same name, which over Ray they always have:
two hosts then wait for each other's shared memory (`open shm in SHMManager failed`). Ranks that see different
mounts of /dev/shm talk over Gloo instead, vLLM's own way for groups that differ in name.
"""

from __future__ import annotations

import socket
from pathlib import Path

import torch
from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator


class StandInCommunicator(CpuCommunicator):
    def _all_group_ranks_share_shm_group_name(self) -> bool:
        here = (socket.gethostname(), Path("/dev/shm").stat().st_dev)
        everywhere: list[object] = [None] * self.world_size
        torch.distributed.all_gather_object(everywhere, here, group=self.device_group)
        return len(set(everywhere)) == 1 and bool(super()._all_group_ranks_share_shm_group_name())
