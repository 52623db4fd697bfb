"""The parent of a host's ranks: loads torch, says what it finds, waits for the word to go, and becomes the ranks."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from provision.payload.all_reduce.asked import Asked
from provision.payload.all_reduce.processes import Lines, child
from provision.payload.all_reduce.rank import Rank, reason


class Ranks:
    def __init__(self, asked: Asked, heard: Lines, said: Lines) -> None:
        self.asked = asked
        self.heard = heard
        self.said = said

    def run(self) -> None:
        try:
            # Asks NVML and starts no CUDA here, which would not survive the fork. Where NVML is not to be believed,
            # the inventory's own value stays.
            os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
            import torch
            import torch.distributed as dist

            if not dist.is_available():
                raise RuntimeError("this torch has no torch.distributed")
            there = torch.cuda.is_available() and dist.is_nccl_available()
            gpus = torch.cuda.device_count() if there else 0
            nccl = ".".join(map(str, torch.cuda.nccl.version())) if gpus else ""
        except BaseException as error:
            self.said.say(failed=f"torch cannot be loaded: {reason(error)}")
            return
        # What they read may come over the network that is measured.
        while any(Path(f"/proc/{pid}").exists() for pid in self.asked.company):
            time.sleep(0.05)
        self.said.say(gpus=gpus, torch=torch.__version__, cuda=torch.version.cuda or "", nccl=nccl)
        go: dict[str, Any] | None = None
        while go is None and not self.heard.ended:
            go = next(iter(self.heard.read()), None)
        if go is not None:
            self.go(go, gpus)

    def go(self, word: dict[str, Any], gpus: int) -> None:
        with_gpus = all(word["gpus"].values())
        if not with_gpus or gpus == 1:
            Rank(self.asked, 0, word, with_gpus, self.said).run()
            return
        ranks = [Rank(self.asked, local, word, True, self.said) for local in range(gpus)]
        pids = [child(rank.run) for rank in ranks]
        for _ in pids:
            pid, status = os.wait()
            if status:
                how = os.waitstatus_to_exitcode(status)
                text = f"the rank of GPU {pids.index(pid)} ended with {signal.Signals(-how).name if how < 0 else how}"
                self.said.say(failed=text)
