"""A CPU worker that can be a later stage of a pipeline, and leaves the processor to the others while it waits.

vLLM allocates the buffer for what the previous stage sends while it warms up. The CPU worker skips the warm-up
when the KV cache's size is given and nothing is compiled, and then the first request fails in
sync_and_gather_intermediate_tensors: allocate it when the model is loaded.

For a second after each step a worker looks for the next one without a pause. That is right where it has a processor to
itself; on a lab all hosts share a few, and there it pauses.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from vllm.distributed.device_communicators import shm_broadcast
from vllm.v1.worker.cpu_worker import CPUWorker

shm_broadcast.sched_yield = partial(time.sleep, 0.001)


class StandInWorker(CPUWorker):
    def load_model(self, *args: Any, **kwargs: Any) -> None:
        super().load_model(*args, **kwargs)
        from vllm.distributed import get_pp_group

        runner = self.model_runner
        if get_pp_group().is_first_rank or getattr(runner, "intermediate_tensors", None) is not None:
            return
        runner.intermediate_tensors = runner.model.make_empty_intermediate_tensors(
            batch_size=runner.max_num_tokens, dtype=runner.model_config.dtype, device=runner.device
        )
