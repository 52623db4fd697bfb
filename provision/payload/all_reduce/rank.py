"""One rank of the timed all-reduce: what a rank of the model does for every token, with a clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from provision.payload.all_reduce.asked import KIB, MIB, Asked
from provision.payload.all_reduce.processes import Lines


class Rank:
    """`local`: its number on this host. `go`: the lead's word, with the port at which the ranks meet."""

    def __init__(self, asked: Asked, local: int, go: Mapping[str, Any], gpus: bool, said: Lines) -> None:
        self.asked = asked
        self.local = local
        self.said = said
        self.step = 0
        self.port = go["port"]
        counts = [max(1, go["gpus"][name]) if gpus else 1 for name in asked.names]
        self.first = [sum(counts[:index]) for index in range(len(counts))]
        self.host = asked.names.index(asked.me)
        self.number = self.first[self.host] + local
        self.world = sum(counts)
        self.gpus = gpus

    def stage(self, text: str) -> None:
        self.step += 1
        self.said.say(rank=self.local, step=self.step, stage=text)

    def run(self) -> None:
        import torch
        import torch.distributed as dist

        self.torch, self.dist = torch, dist
        try:
            self.said.say(rank=self.local, result=self.measure())
        except BaseException as error:
            self.said.say(rank=self.local, failed=reason(error))
        # Until the member ends us: the first rank holds the store that the others may still ask.
        time.sleep(self.asked.come + self.asked.load + self.asked.measure)

    def measure(self) -> dict[str, Any]:
        self.join()
        latency = self.latency()
        size, seconds = self.bandwidth()
        found: dict[str, Any] = {}
        if self.number == 0:
            found = {"ranks": self.world, "latency": latency, "size": size, "seconds": seconds}
        if self.local == 0 and len(self.asked.names) > 2:
            found["pairs"] = self.pairs(size / seconds)
        return found

    def join(self) -> None:
        self.stage("joining")
        # Before the lead loses patience: what is said then names who was waited for.
        timeout = timedelta(seconds=self.asked.measure * 0.8)
        if self.gpus:
            self.torch.cuda.set_device(self.local)
        place = self.asked.meet[0]
        store = self.dist.TCPStore(
            place, self.port, is_master=self.number == 0, timeout=timeout, wait_for_workers=False
        )
        backend = "nccl" if self.gpus else "gloo"
        self.dist.init_process_group(backend, store=store, rank=self.number, world_size=self.world, timeout=timeout)
        self.buffer = self.tensor(KIB)
        self.stage("joining: the first sum")
        self.sum(self.buffer, 1)

    def tensor(self, size: int) -> Any:
        return self.torch.ones(size // 4, dtype=self.torch.float32, device="cuda" if self.gpus else "cpu")

    def done(self) -> None:
        if self.gpus:
            self.torch.cuda.synchronize()

    def sum(self, tensor: Any, times: int) -> list[float]:
        """Seconds for each; the sum must be right."""
        took = []
        for _ in range(times):
            tensor.fill_(1)
            self.done()
            began = time.monotonic()
            self.dist.all_reduce(tensor)
            self.done()
            took.append(time.monotonic() - began)
            if float(tensor[0]) != self.world or float(tensor[-1]) != self.world:
                raise RuntimeError(f"the sum of {self.world} ones came out as {float(tensor[0]):g}")
        return sorted(took)

    def latency(self) -> float:
        self.stage("adding up one number")
        one = self.tensor(4)
        self.sum(one, 5)
        took = self.sum(one, 20)
        return took[len(took) // 2]

    def bandwidth(self) -> tuple[int, float]:
        """(bytes, seconds) of the largest sum that is still quick; all ranks go by the slowest."""
        size = 256 * KIB
        while True:
            self.stage(f"adding up {size // KIB} KiB" if size < MIB else f"adding up {size // MIB} MiB")
            tensor = self.tensor(size)
            took = self.tensor(4)
            took.fill_(self.sum(tensor, 1)[0])
            self.dist.all_reduce(took, op=self.dist.ReduceOp.MAX)
            seconds = float(took[0])
            if seconds > 0.1 or size >= 64 * MIB:
                break
            size *= 4
        if seconds < 0.3:
            took.fill_(self.sum(tensor, 3)[0])
            self.dist.all_reduce(took, op=self.dist.ReduceOp.MAX)
            seconds = float(took[0])
        return size, seconds

    def pairs(self, speed: float) -> list[tuple[str, str, int]]:
        """(from, to, bytes per second) along a ring of the hosts: each host to its two neighbours, and at no moment two
        pairs that share a host. Rounds: the even edges, the odd ones, and with an odd number of hosts the last."""
        self.stage("measuring pairs")
        size = int(min(32 * MIB, max(128 * KIB, speed * 0.05))) // KIB * KIB
        tensor, word = self.tensor(size), self.tensor(4)
        names = self.asked.names
        count, found = len(names), []
        edges = sorted(range(count), key=lambda k: (2 if count % 2 and k == count - 1 else k % 2, k))
        for edge in edges:
            pair = (edge, (edge + 1) % count)
            if self.host not in pair:
                continue
            other = pair[1] if self.host == pair[0] else pair[0]
            peer = self.first[other]
            self.stage(f"measuring the pair with {names[other]}")
            for source in pair:
                took = []
                for turn in range(6):  # the first makes the connection
                    self.done()
                    began = time.monotonic()
                    if source == self.host:
                        self.dist.send(tensor if turn else word, peer)
                        self.dist.recv(word, peer)
                    else:
                        self.dist.recv(tensor if turn else word, peer)
                        self.dist.send(word, peer)
                    self.done()
                    took.append(time.monotonic() - began)
                if source == self.host:
                    found.append((self.asked.me, names[other], round(size / min(took[1:]))))
        self.stage("measured")
        return found


def reason(error: BaseException) -> str:
    """The error in one line, without torch's trace of its own frames."""
    text = str(error).partition("Exception raised from")[0].partition("\nC++ CapturedTraceback")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)}"[:1500]
