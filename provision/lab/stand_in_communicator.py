"""A CPU communicator whose ranks always talk over Gloo, vLLM's own way for groups that differ in name.

vLLM's other way, shared memory, is for ranks of one host. It takes ranks for neighbours whenever their groups have the
same name, which over Ray they always have: two hosts then wait for each other's memory (`open shm in SHMManager
failed`). And who waits for a neighbour there computes all the while: the ranks of a lab share a few processors, and
keep each other from what they wait for.
"""

from __future__ import annotations

from vllm.distributed.device_communicators.cpu_communicator import CpuCommunicator


class StandInCommunicator(CpuCommunicator):
    def _all_group_ranks_share_shm_group_name(self) -> bool:
        return False
